using Akka.Cluster;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Node.Composition;

namespace Pipeline.Node.Http;

/// <summary>What a node knows of itself when it is asked whether it is ready.</summary>
/// <param name="Status">Its own in the cluster.</param>
/// <param name="Members">Of the cluster, this node among them.</param>
/// <param name="Unreachable">Those of them that do not answer.</param>
/// <param name="Away">What somebody on this node waits for.</param>
/// <param name="Ingest">Null: it does not ingest.</param>
/// <param name="Owed">Tables that only this node can be reading.</param>
/// <param name="Standing">Why Silver and Gold tables get no further, where this node coordinates them.</param>
internal sealed record NodeState(MemberStatus Status, int Members, int Unreachable, IReadOnlyList<OutageNotice> Away, Knowledge<IngestStatus>? Ingest, IReadOnlyList<TableId> Owed, IReadOnlyList<HealthReason> Standing);

/// <summary>What was asked for, or why it is not known.</summary>
internal abstract record Knowledge<T>
{
    public sealed record Known(T Value) : Knowledge<T>;

    public sealed record Unknown(Fault Why) : Knowledge<T>;
}

/// <summary>
/// Whether a node does its work, and why not. A function of what the node knows already: nothing is asked outside for it.
/// </summary>
internal static class Readiness
{
    public static HealthReport Of(NodeState node)
    {
        List<(string? Check, HealthReason Reason)> reasons = [.. node.Away.Select(away => (CheckOf(away.Fault), new HealthReason(away.Fault, away.Duration)))];
        // What is away for many tables is said once.
        var known = node.Away.Select(away => away.Thing).ToHashSet(StringComparer.Ordinal);
        reasons.AddRange(node.Standing.Where(standing => !known.Contains(standing.Fault.Outage)).DistinctBy(standing => standing.Fault).Select(standing => ((string?)Checks.Transform, standing)));
        switch (node.Ingest)
        {
            case Knowledge<IngestStatus>.Known { Value.Tables: var tables }:
                reasons.AddRange(tables.SelectMany(FaultsOf).Where(fault => !known.Contains(fault.Outage)).Select(fault => ((string?)(CheckOf(fault) ?? Checks.Commits), new HealthReason(fault))));
                reasons.AddRange(node.Owed.Except(tables.Select(table => table.Table)).Select(NotStarted).Select(fault => ((string?)Checks.Sources, new HealthReason(fault))));
                break;
            case Knowledge<IngestStatus>.Unknown { Why: var why }:
                reasons.AddRange([(Checks.Sources, new HealthReason(why)), (Checks.Commits, new HealthReason(why))]);
                break;
        }

        return new HealthReport(
        [
            new HealthCheck(Checks.Cluster, ClusterFault(node) is { } fault ? [new HealthReason(fault)] : []),
            .. ((string[])[Checks.Sources, Checks.Commits, Checks.Transform, Checks.Journal]).Select(check => new HealthCheck(check, [.. reasons.Where(reason => reason.Check == check).Select(reason => reason.Reason)])),
        ]);
    }

    private static class Checks
    {
        public const string Cluster = "cluster";
        public const string Sources = "sources";
        public const string Commits = "commits";
        public const string Transform = "transform";
        public const string Journal = "journal";
    }

    /// <summary>By what is away; null: something else, which others wait for beside the node's work, as a receiver of metrics.</summary>
    private static string? CheckOf(Fault fault) => fault.Outage.Split(' ')[0] switch
    {
        "Source" => Checks.Sources,
        "Journal" => Checks.Journal,
        "Table" when fault.Outage.StartsWith("Table silver/", StringComparison.Ordinal) || fault.Outage.StartsWith("Table gold/", StringComparison.Ordinal) => Checks.Transform,
        "Lake" or "Table" => Checks.Commits,
        // Engines, by the service's name and by what of it was asked for.
        "EMR" or "Step" => Checks.Transform,
        _ => null,
    };

    private static IEnumerable<Fault> FaultsOf(TableStatus table) => table.State switch
    {
        IngestState.Starting => [NotStarted(table.Table)],
        IngestState.Retrying or IngestState.Halted => [table.LastFault ?? Uncommitted(table.Table)],
        _ => [],
    };

    private static Fault NotStarted(TableId table) => new(FaultKind.Unreachable, $"Source {table.Source}, table {table}", "it is not being read yet", "Wait some seconds; if it lasts, the log says why.");

    private static Fault Uncommitted(TableId table) =>
        new(FaultKind.Unreachable, $"Table {table}", "what was read waits for its commit, which has been asked for several times", "Look in the log of the node that commits to the table.");

    private static Fault? ClusterFault(NodeState node) => node.Status switch
    {
        MemberStatus.Up when !DeadNodeActor.IsMajority(node.Members, node.Unreachable) => new Fault(FaultKind.Unreachable, "The cluster",
            $"{node.Unreachable} of its {Plural.Of(node.Members, "node")} {(node.Unreachable == 1 ? "does" : "do")} not answer this one", "Check the network between the nodes, and that the others run."),
        MemberStatus.Up => null,
        MemberStatus.Joining or MemberStatus.WeaklyUp => new Fault(FaultKind.Unreachable, "This node", "it is being taken into its cluster", "Wait some seconds; if it lasts, look whether all other nodes can be reached."),
        MemberStatus.Leaving or MemberStatus.Exiting => new Fault(FaultKind.Unreachable, "This node", "it leaves its cluster, as it was told to", "Nothing to do."),
        MemberStatus.Down => new Fault(FaultKind.Invalid, "This node", "it was taken out of the cluster by the others", "The log says why; start it again and it continues where the lake says."),
        _ => new Fault(FaultKind.Unreachable, "This node", "it has not joined its cluster yet", "It joins when the lake has said which it is and a node of cluster.seed-nodes answers: check both."),
    };
}
