/** One run for every kind of test; `npm run check` does formats, lint and types. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  transform: {
    '^.+\\.(ts|mts|js|mjs)$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  // ESM-only packages that tests load in process: turned into CommonJS like our own code.
  transformIgnorePatterns: ['node_modules/(?!(fauxqs|cookie|stripe|commander|@inquirer)/)'],
  // It names no entry for require, which is what our transformed imports become.
  moduleNameMapper: {
    '^fauxqs$': '<rootDir>/node_modules/fauxqs/dist/app.js',
    // As an app has it installed.
    '^stripe-plan-events$': '<rootDir>/packages/consumer/index.js',
  },
  // A test that hangs ends here; one that a busy machine makes slow does not.
  testTimeout: 60_000,
  // Four tenths of the time is waiting, for what a test starts: so more than the two processors of the smallest machine.
  maxWorkers: 3,
};
