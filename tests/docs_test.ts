import "./docs/docs_test.ts";
import "./docs/fixtures_test.ts";
import "./docs/tutorial_test.ts";
