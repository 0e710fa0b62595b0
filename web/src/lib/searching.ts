/** Return a test of whether a text has every word of a search, in any order and case; an empty search takes all. */
export function answers(search: string): (text: string) => boolean {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== '')
  return (text) => {
    const hay = text.toLowerCase()
    return words.every((word) => hay.includes(word))
  }
}
