using Pipeline.Core.Metrics;

namespace Pipeline.Telemetry.Alerting;

/// <summary>Everything that people are told of, in the order of <c>docs/observability.md</c>. Each names the instrument that it looks at, so that none looks at what nobody measures.</summary>
public static class Alerts
{
    public static readonly Alert TableLate = new("TableLate", Urgency.Page, Instruments.TableFreshnessBreach,
        new AlertCondition.Value(Comparison.Below, Threshold: 1_800, Points: 5, Minutes: 60, IsTable: true),
        "A table is late, or will be within half an hour",
        "The table reflects its source less freshly than is promised, or will at the pace at which it gets what arrives. A slow-down is told half an hour before; a stop, which may end at any moment, when the promise is as good as broken. One that comes and goes is told once, and is over after a quiet hour.",
        [
            "Look at `pipeline.table.freshness` of the table and of those it is made of: the first that is late is the one to mend.",
            "`./pipeline status --lake LOCATION` says what was last said to be wrong; a state of 3 or 4 in `pipeline.table.state` has its reason in the log.",
            "Freshness that grows by a second a second is a stop: of the source, of the table's reader, or of a job. One that grows more slowly is a pipeline that lands less than arrives: compare `pipeline.source.records` with `pipeline.ingest.rows`, then give the table more workers or the node more of the machine.",
            "A backlog that shrinks yet is late ends by itself; `pipeline.source.lag.records` says when.",
        ]);

    public static readonly Alert TableSilent = new("TableSilent", Urgency.Page, Instruments.TableFreshness,
        new AlertCondition.Silence(Minutes: 30, IsTable: true),
        "Nobody tells how fresh a table is",
        "For half an hour nobody has told of the table, while others are told of: whoever owns it on a node does not run, and nothing says whether it is late. Prometheus tells this also of a table that was taken out of the configuration, until an hour after it was.",
        [
            "Was it taken out of the configuration? Then `./pipeline alarms put` takes its alarms away.",
            "Look for the table's name in the logs of all nodes, from the time of its last figure on.",
            "Start a node anew that has said why it gave the table up, and keep its log.",
        ]);

    public static readonly Alert PipelineSilent = new("PipelineSilent", Urgency.Page, Instruments.BufferBytes,
        new AlertCondition.Silence(Minutes: 15, IsTable: false),
        "No node of the pipeline tells anything",
        "For a quarter of an hour no metric has come: no node runs, or none reaches the receiver of metrics. Whether tables are late nobody knows.",
        [
            "Do the nodes run? `/healthz/live` and `/healthz/ready` of each say so, and why not.",
            "They do: look for `telemetry` in their logs. What waits is in the spool, and `pipeline.telemetry.failures` will say how often it was tried.",
            "They do not: start them. Nothing is lost; they go on where the tables are.",
        ]);

    public static readonly Alert TableHalted = new("TableHalted", Urgency.Page, Instruments.TransformedState,
        new AlertCondition.Value(Comparison.AtLeast, Threshold: 4, Points: 10, Minutes: 60, IsTable: false),
        "A table is halted until somebody acts",
        "Something refuses that nobody mends by waiting: a right, a password, a schema that does not fit, records that are gone. Other tables go on; this one is looked at again every few minutes.",
        [
            "The log has one line with the thing, the cause and the next step. Do that.",
            "It goes on by itself at the next look; `./pipeline resume` does not wait for that.",
        ]);

    public static readonly Alert SlotAtRisk = new("SlotAtRisk", Urgency.Page, Instruments.SlotStatus,
        new AlertCondition.Value(Comparison.AtLeast, Threshold: 2, Points: 2, Minutes: 60, IsTable: false),
        "A replication slot loses changes",
        "PostgreSQL has begun to take away WAL that the slot has not read (2), or has taken it (3): changes are lost with it, and the tables have to be read anew.",
        [
            "2, unreserved: have the pipeline read, or the server keep more (`max_slot_wal_keep_size`), before its next checkpoint.",
            "3, lost: accept the gap and take a new snapshot as [docs/postgres.md](postgres.md) says.",
        ]);

    public static readonly Alert SourceGap = new("SourceGap", Urgency.Page, Instruments.KafkaGaps,
        new AlertCondition.Growth(Most: 0, Minutes: 15),
        "Records are gone at the source before they were read",
        "What comes next in a table is no longer there: offsets expired, a topic was made anew, a slot is lost. The reading of it is halted, loudly; nothing is skipped.",
        [
            "Find out from the log which positions are gone, and whether they can be had from elsewhere.",
            "Accept the gap, which is recorded: `./pipeline resume` says how.",
            "Have the source keep its records for longer than the pipeline may be away.",
        ]);

    public static readonly Alert SlotRoomLow = new("SlotRoomLow", Urgency.Ticket, Instruments.SlotSafeBytes,
        new AlertCondition.Value(Comparison.Below, Threshold: 1L << 30, Points: 5, Minutes: 60, IsTable: false),
        "A replication slot is within a gigabyte of losing changes",
        "The server will take WAL away that the slot has not read once this much more is written.",
        [
            "Look why the slot does not move: `pipeline.source.lag.bytes`, and the log of the source.",
            "Have the server keep more: `max_slot_wal_keep_size`.",
        ]);

    public static readonly Alert DeadLettered = new("DeadLettered", Urgency.Ticket, Instruments.DeadLetters,
        new AlertCondition.Growth(Most: 0, Minutes: 60),
        "Records could not be decoded",
        "They are in the source's table of dead letters with their bytes, their position and the reason; their positions have moved on.",
        [
            "`./pipeline dlq list` and `./pipeline dlq show` say what they are and why.",
            "Mend the producer or the table's format, then `./pipeline dlq redrive`.",
        ]);

    public static readonly Alert RulesBroken = new("RulesBroken", Urgency.Ticket, Instruments.Quality,
        new AlertCondition.Value(Comparison.Below, Threshold: 0.95, Points: 15, Minutes: 60, IsTable: false),
        "A Silver table's quality is below 95 %",
        "In its last runs more than one row in twenty was not as a dimension of the table's contract asks.",
        [
            "`pipeline.table.rule.failures` says which rule it is; the rows are in the table's quarantine where the rule puts them there.",
            "Mend what writes them, or the rule. A rebuild of the table judges all rows anew.",
        ]);

    public static readonly Alert WritersCollide = new("WritersCollide", Urgency.Ticket, Instruments.Refusals,
        new AlertCondition.Growth(Most: 20, Minutes: 60),
        "Another writer moves a table again and again",
        "Stages are refused because the table's positions have moved: once, when a table changes its node, is as it should be. Again and again, two pipelines write one lake.",
        [
            "Look for a second pipeline with this lake: `./pipeline history TABLE` says who has committed.",
            "Stop the one that should not write. Nothing is there twice: the table has refused it.",
        ]);

    public static readonly Alert DiskLow = new("DiskLow", Urgency.Ticket, Instruments.DiskFree,
        new AlertCondition.Value(Comparison.Below, Threshold: 2L << 30, Points: 5, Minutes: 60, IsTable: false),
        "A disk has less than two gigabytes left",
        "On a node the disk of the directory named is nearly full: `work` ends runs that spill, `spool` loses metrics, `lake` stops commits, and `locations.NAME` those of the tables that lie there. None of it loses rows; what waits goes on when there is room.",
        [
            "`pipeline.node.disk.free.bytes` says of which directory; in Prometheus `instance` says of which node, else the log of the node whose runs fail.",
            "`work`: give it another disk, or fewer jobs at once (`transform.jobs-max`). `lake`, `locations.NAME`: `./pipeline vacuum` deletes what no version needs.",
            "Look what else is on that disk.",
        ]);

    public static readonly Alert CertificateExpires = new("CertificateExpires", Urgency.Ticket, Instruments.CertificateDays,
        new AlertCondition.Value(Comparison.Below, Threshold: 14, Points: 5, Minutes: 60, IsTable: false),
        "A certificate expires within two weeks",
        "Connections that rest on the certificate named will be refused from then on: `node` and `authority` those between nodes, `source/NAME/server` and `/registry` those of a server that sources are read from, `source/NAME/client` and `/authority` what the source's configuration gives the client, `lake/server`, `aws/SERVICE` and `otlp/server` those of S3, of AWS's other services and of who receives what is measured.",
        [
            "`node`, `authority`, `/client`, `/authority`: put new files in the place of the old ones; a node reads them when it starts, and secrets at each new connection.",
            "`/server`, `/registry`: tell those who run that server.",
            "An authority that changes is trusted beside the old one until all certificates are of the new one.",
        ]);

    public static readonly Alert NodeLost = new("NodeLost", Urgency.Ticket, Instruments.NodeState,
        new AlertCondition.Value(Comparison.AtLeast, Threshold: 3, Points: 5, Minutes: 60, IsTable: false),
        "A node does not answer the others",
        "Other nodes have not reached the node named for minutes. Its tables move to others as soon as it is taken out of the cluster; where that makes tables late, those say so themselves.",
        [
            "Does it run? Its own log, and `/healthz/ready` asked on its machine, say what it sees of the others.",
            "It runs: check the network between the nodes, both ways, and its machine's CPU and memory.",
            "It does not: start it. It takes up its work where the lake says.",
        ]);

    public static readonly Alert MetricsDropped = new("MetricsDropped", Urgency.Ticket, Instruments.TelemetryDropped,
        new AlertCondition.Growth(Most: 0, Minutes: 60),
        "Metrics were given up",
        "A receiver of metrics was away for longer than the spool lasts, or refuses what it is sent. The pipeline itself is not touched; charts have a hole.",
        [
            "The log says which receiver and why.",
            "Give the spool more room (`telemetry.spool.bytes-max`) if such outages are to be survived.",
        ]);

    public static IReadOnlyList<Alert> All { get; } =
    [
        TableLate, TableSilent, PipelineSilent, TableHalted, SlotAtRisk, SourceGap,
        SlotRoomLow, DeadLettered, RulesBroken, WritersCollide, DiskLow, CertificateExpires, NodeLost, MetricsDropped,
    ];
}
