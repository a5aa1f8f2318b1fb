import type pg from 'pg';

/** Everything that our migrations made, as text, in an order that does not depend on when it was made. */
export async function describeSchema(client: pg.ClientBase | pg.Pool): Promise<string> {
  const lines = async (title: string, sql: string) => {
    const { rows } = await client.query<{ line: string }>(sql);
    return `-- ${title}\n\n${rows.map(({ line }) => line).join('\n')}\n`;
  };
  const parts = [
    '-- Made by `npm run schema` from supabase/migrations. Do not edit; do not run.\n',
    await lines(
      'Tables',
      `select format(E'table %s (\n%s\n)', c.oid::regclass, string_agg(format('  %I %s%s%s%s', attname, format_type(atttypid, atttypmod),
          case when attnotnull then ' not null' else '' end,
          case when attidentity = 'a' then ' generated always as identity' else '' end,
          coalesce(' default ' || pg_get_expr(adbin, adrelid), '')), E',\n' order by attnum))
        || coalesce((select E'\n' || string_agg(format('  constraint %I %s', conname, pg_get_constraintdef(k.oid)), E'\n' order by conname)
             from pg_constraint k where conrelid = c.oid and contype <> 'n'), '')
        || coalesce((select E'\n' || string_agg('  ' || pg_get_indexdef(indexrelid), E'\n' order by indexrelid::regclass::text)
             from pg_index where indrelid = c.oid and not indisprimary), '')
        || case when relrowsecurity then E'\n  row level security enabled' else E'\n  ROW LEVEL SECURITY IS OFF' end || E'\n' as line
       from pg_class c join pg_attribute a on attrelid = c.oid and attnum > 0 and not attisdropped
       left join pg_attrdef on adrelid = c.oid and adnum = attnum
       where relnamespace = 'billing'::regnamespace and relkind = 'r' group by c.oid, relrowsecurity order by c.oid::regclass::text`,
    ),
    await lines(
      'Views',
      `select format(E'view %s%s as\n%s\n', c.oid::regclass, coalesce(' with (' || array_to_string(reloptions, ', ') || ')', ''), pg_get_viewdef(c.oid, true)) as line
       from pg_class c where relkind = 'v' and (relnamespace = 'billing'::regnamespace or (relnamespace = 'public'::regnamespace and relname like 'my\\_%'))
       order by c.oid::regclass::text`,
    ),
    await lines(
      'Policies',
      `select format('policy %I on %I.%I for %s to %s using %s', policyname, schemaname, tablename, lower(cmd), array_to_string(roles, ', '), qual) as line
       from pg_policies where schemaname = 'billing' order by schemaname, tablename, policyname`,
    ),
    await lines(
      'Rights on tables and views',
      `select format('grant %s on %s to %s', string_agg(lower(privilege_type), ', ' order by privilege_type), c.oid::regclass, coalesce(grantee::regrole::text, 'public')) as line
       from pg_class c, aclexplode(relacl) as acl
       where relkind in ('r', 'v') and (relnamespace = 'billing'::regnamespace or relname like 'my\\_plan%') and grantee <> relowner
       group by c.oid, grantee order by 1`,
    ),
    await lines(
      'Rights on columns',
      `select format('grant %s (%s) on %s to %s', lower(privilege_type), string_agg(quote_ident(attname), ', ' order by attnum), attrelid::regclass, grantee::regrole) as line
       from pg_attribute join pg_class c on c.oid = attrelid, aclexplode(attacl) as acl
       where relnamespace = 'billing'::regnamespace and grantee <> relowner group by attrelid, grantee, privilege_type order by 1`,
    ),
    await lines(
      'Rights on the schema',
      `select format('grant %s on schema billing to %s', lower(privilege_type), grantee::regrole) as line
       from pg_namespace, aclexplode(nspacl) as acl where nspname = 'billing' and grantee <> nspowner order by 1`,
    ),
    await lines(
      'Functions',
      `select pg_get_functiondef(p.oid) || coalesce((select E'-- executable by ' || string_agg(coalesce(nullif(grantee, 0)::regrole::text, 'public'), ', ' order by grantee)
           from aclexplode(proacl) as acl where grantee <> proowner), '') || E'\n' as line
       from pg_proc p where pronamespace = 'billing'::regnamespace order by p.oid::regprocedure::text`,
    ),
    await lines(
      'Settings of roles',
      `select format('alter role %s set %s', setrole::regrole, setting) as line from pg_db_role_setting, unnest(setconfig) as setting
       where setrole::regrole::text = 'stripe_writer' order by 1`,
    ),
  ];
  return `${parts
    .join('\n')
    .replace(/[ \t]+$/gm, '')
    .trimEnd()}\n`;
}
