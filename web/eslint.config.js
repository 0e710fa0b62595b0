import js from '@eslint/js'
import hooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'

const features = ['prices', 'grid', 'status', 'datasets', 'access', 'session', 'problems']

/** A feature never imports another feature, the frame, or reaches up from lib and components. */
const walls = [
  ...features.map((name) => ({
    files: [`src/features/${name}/**/*.{ts,tsx}`],
    rules: {
      'no-restricted-imports': ['error', { patterns: [
        { group: features.filter((other) => other !== name).map((other) => `@/features/${other}/*`), message: 'Features do not import one another; move the shared piece to components or lib.' },
        { group: ['@/app/*'], message: 'Features do not import the frame.' },
        { group: ['../*'], message: 'Import across folders by @/.' },
      ] }],
    },
  })),
  {
    files: ['src/lib/**/*.{ts,tsx}'],
    rules: { 'no-restricted-imports': ['error', { patterns: [{ group: ['@/features/*', '@/app/*', '@/components/*'], message: 'lib imports nothing above it.' }] }] },
  },
  {
    files: ['src/components/**/*.{ts,tsx}'],
    rules: { 'no-restricted-imports': ['error', { patterns: [{ group: ['@/features/*', '@/app/*'], message: 'Components import lib only.' }] }] },
  },
]

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'screenshots/**'] },
  {
    files: ['src/**/*.{ts,tsx}', 'journeys/**/*.ts', '*.ts'],
    extends: [js.configs.recommended, ...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      // The virtualiser's instance is mutable by design and is not passed to memoised children.
      'react-hooks/incompatible-library': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      'max-lines': ['error', { max: 250 }],
      'no-console': 'error',
      'no-eval': 'error',
    },
  },
  {
    files: ['dev/**/*.mjs', 'scripts/**/*.mjs'],
    extends: [js.configs.recommended],
    languageOptions: { globals: { performance: 'readonly', process: 'readonly', console: 'readonly', Buffer: 'readonly', URL: 'readonly', URLSearchParams: 'readonly', setTimeout: 'readonly', setInterval: 'readonly', clearInterval: 'readonly', clearTimeout: 'readonly', fetch: 'readonly', document: 'readonly', localStorage: 'readonly', window: 'readonly' } },
    rules: { 'max-lines': ['error', { max: 250 }] },
  },
  { files: ['src/**/generated/*.ts'], rules: { 'max-lines': 'off' } },
  ...walls,
)
