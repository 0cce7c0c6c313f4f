// Lint for the whole repository, run once at the root. Formatting is prettier's business alone.

import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const deepPaths = {
  patterns: [
    {
      regex: "^@marugoto/[^/]+/(?!testing$)",
      message: "A package has one door: import its name. See docs/architecture.md.",
    },
  ],
};

export default defineConfig(
  globalIgnores(["**/dist/", "**/coverage/", "**/.turbo/", "**/fixtures/"]),
  js.configs.recommended,
  {
    files: ["**/*.mjs", "eslint.config.js"],
    languageOptions: {
      globals: Object.fromEntries(
        ["console", "process", "performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval"].map(
          (name) => [name, "readonly"],
        ),
      ),
    },
  },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // The compiler knows what is defined.
      "no-undef": "off",
      "no-restricted-imports": ["error", deepPaths],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      // Typed arrays are read in bounds by construction; a check per byte is what the parser must not pay for.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-confusing-non-null-assertion": "off",
      // An index loop over a typed array is the faster one.
      "@typescript-eslint/prefer-for-of": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    },
  },
  {
    files: ["packages/*/src/**/*.ts"],
    rules: {
      "no-console": "error",
      "no-restricted-syntax": [
        "error",
        {
          selector: "Program > ExpressionStatement > AwaitExpression",
          message: "No top-level await in packages: Node 20 can then require() them.",
        },
        {
          selector: "Program > VariableDeclaration AwaitExpression:not(:function *)",
          message: "No top-level await in packages: Node 20 can then require() them.",
        },
      ],
    },
  },
  { files: ["packages/*/src/main.ts"], rules: { "no-console": "off" } }, // A program of a private package.
  {
    files: ["**/test/**/*.ts"],
    rules: {
      // Assertions on what came over a wire or out of JSON are the point of a test.
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/unbound-method": "off",
    },
  },
);
