export const $ = (id) => document.getElementById(id);

export const el = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};

/** `huntaze-stripe-billing-dev` is `billing`, `…-audit-dev.fifo` is `audit.fifo`. */
export const shortName = (name) => name.replace(/^.*?-stripe-/, '').replace(/-[a-z]+(\.fifo)?$/, '$1');

export const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;

/** Time of day, as the reader's clock shows it. */
export const clock = (iso) => new Date(iso).toLocaleTimeString('en-GB');
