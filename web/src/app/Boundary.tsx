import { Component, type ReactNode } from 'react'
import { ProblemPanel } from '@/components/states'
import { problemOf } from '@/lib/api/problem'

/** A page that fails leaves the frame standing and says what happened. */
export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: undefined }

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error }
  }

  override render(): ReactNode {
    if (this.state.error === undefined) return this.props.children
    return <ProblemPanel problem={problemOf(this.state.error)} retry={() => this.setState({ error: undefined })} still="The other pages still work." />
  }
}
