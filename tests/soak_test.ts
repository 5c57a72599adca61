import "./soak/faults_test.ts";
import "./soak/soak_test.ts";
