import { PageHead } from '@/components/labels'
import { STORIES as SHARED } from '@/components/stories'
import { STORIES as PRICES } from '@/features/prices/stories'
import { useParam } from '@/lib/url/use-place'

const ALL = [...SHARED, ...PRICES]

/** Every component in every state, in the theme in force; `part` shows one alone. */
export default function DesignPage() {
  const part = useParam('part')
  const shown = ALL.filter(({ name }) => part === undefined || name === part)
  return (
    <>
      <PageHead title="Components" />
      <div className="page-scroll stories">
        {shown.map(({ name, wide, show: Show }) => (
          <section key={name} className={wide === true ? 'panel wide' : 'panel'} aria-label={name}>
            <header><h2>{name}</h2></header>
            <div className="body"><Show /></div>
          </section>
        ))}
      </div>
    </>
  )
}
