import "./deploy/executable_test.ts";
import "./deploy/haproxy_test.ts";
import "./deploy/image_test.ts";
import "./deploy/kubernetes_test.ts";
import "./deploy/systemd_test.ts";
import "./deploy/workflows_test.ts";
