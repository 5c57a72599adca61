import "./admin/admin_test.ts";
import "./admin/event_loop_delay_test.ts";
import "./admin/exposition_test.ts";
import "./admin/feed_test.ts";
import "./admin/hosts_test.ts";
import "./admin/http_test.ts";
import "./admin/metrics_test.ts";
import "./admin/request_test.ts";
