/** Fetches the dashboard anew and puts it in the place of the old one, so that nothing flickers and the scroll position stays. */

const MS_BETWEEN_LOOKS = 2000;

async function look() {
  try {
    const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), 'text/html');
    for (const part of ['header', 'main']) {
      const fresh = page.querySelector(part);
      if (fresh) document.querySelector(part).replaceWith(document.adoptNode(fresh));
    }
    document.body.classList.remove('gone');
  } catch {
    // The local run has ended or is starting again; what is shown is old, and looks so.
    document.body.classList.add('gone');
  }
  setTimeout(look, MS_BETWEEN_LOOKS);
}

setTimeout(look, MS_BETWEEN_LOOKS);
