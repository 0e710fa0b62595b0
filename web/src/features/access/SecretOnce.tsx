import { CopyButton } from '@/components/copy'
import type { MadeKey } from './KeysPanel'

/** The only time that a secret is seen. */
export function SecretOnce({ made, onDone }: { made: MadeKey; onDone: () => void }) {
  return (
    <section className="panel secret" role="alert" aria-label="The new secret">
      <div className="body stack">
        <p><strong>{made.key.name}</strong>: copy the secret now. It is shown this once; the desk keeps only a fingerprint of it.</p>
        <div className="secret-line"><code>{made.secret}</code><CopyButton text={made.secret} label="Copy secret" /><button type="button" className="button small" onClick={onDone}>I have it</button></div>
      </div>
    </section>
  )
}
