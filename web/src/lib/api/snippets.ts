import { type Query, address } from './client'

/** Programs that give the same numbers as the screen: same read, same as-of. */
export interface Snippets {
  curl: string
  python: string
}

/** Return snippets for a read of `path`, of which Python keeps `part`; the key is read from the environment, never written into a command. */
export function snippets(origin: string, path: string, query: Query, part: string | null = 'columns'): Snippets {
  const url = `${origin}${address(path, query)}`
  return {
    curl: `curl -s -H "Authorization: Bearer $POWERDESK_KEY" \\\n  "${url}"`,
    python: [
      'import json, os, urllib.request',
      '',
      'request = urllib.request.Request(',
      `    "${url}",`,
      '    headers={"Authorization": f"Bearer {os.environ[\'POWERDESK_KEY\']}"},',
      ')',
      'with urllib.request.urlopen(request, timeout=30) as answer:',
      part === null ? '    told = json.load(answer)' : `    ${part} = json.load(answer)["${part}"]`,
    ].join('\n'),
  }
}
