import "./npm/package_test.ts";
