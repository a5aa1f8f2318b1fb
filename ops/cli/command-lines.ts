/** Command lines to paste, each with the environment of this run: a cure for prod must not land in dev. */
export interface CommandLines {
  /** `npm run ops -- resume --apply --env prod` for `resume --apply`. */
  verb(words: string): string;
  /** `npx cdk deploy -c environment=prod` for `deploy`. */
  cdk(words: string): string;
}

/** `region` and `app` only where they were given, hence have to be given again. */
export function commandLines({
  environment,
  region,
  app,
}: {
  environment: string;
  region?: string | undefined;
  app?: string | undefined;
}): CommandLines {
  return {
    verb: (words) =>
      `npm run ops -- ${words} --env ${environment}${region ? ` --region ${region}` : ''}${app ? ` --app ${app}` : ''}`,
    cdk: (words) => `npx cdk ${words} -c environment=${environment}${app ? ` -c appName=${app}` : ''}`,
  };
}
