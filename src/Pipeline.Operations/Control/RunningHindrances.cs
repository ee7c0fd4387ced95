using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Transform.Coordination.Freshness;

namespace Pipeline.Operations.Control;

/// <summary>What keeps tables by what their nodes say now: newer than what these write into the lake, and there also when they cannot.</summary>
internal sealed class RunningHindrances(PipelineStatus status)
{
    private const string OfSource = "Source ";
    private const string OfTable = "Table ";
    private const string OfJournal = "Journal ";

    private readonly Dictionary<TableId, TableLine> _lines = status.Tables.ToDictionary(line => line.Table);

    /// <summary>What is wrong with a table now.</summary>
    /// <param name="told">What was last written of it into the lake: it has the earlier time, and what no node says while it tries again.</param>
    public ToldFault? FaultOf(TableId table, ToldFault? told)
    {
        if (!_lines.TryGetValue(table, out var line)) return told;
        var report = line.Report;
        if (report is { State: WorkState.Retrying or WorkState.Halted, Fault: { } fault })
            return new ToldFault(told is { EndedAt: null } && told.Kind == fault.Kind && told.At < report.Since ? told.At : report.Since, fault.Kind, fault.Thing, fault.Cause, fault.NextStep);
        return report.State is WorkState.Reading or WorkState.Current ? null : told;
    }

    /// <summary>What no table is at fault for: things that are away, and answers that are waited for.</summary>
    /// <param name="isAsked">Whether it is the table that was asked about: what keeps all of them is said once.</param>
    /// <param name="said">What is said already.</param>
    public IEnumerable<Hindrance> Of(TableId table, bool isAsked, ToldFault? said)
    {
        if (status.Unlike.FirstOrDefault(unlike => unlike.Table == table) is { } unlike)
            yield return new Hindrance(table, HindranceKind.Configuration, $"Node {unlike.Newest}", CauseOf(unlike), "Start all nodes with the same configuration.", status.Nodes.FirstOrDefault(node => node.Facts.Node == unlike.Newest)?.Facts.StartedAt, []);
        else if (isAsked && table.Layer == Layer.Bronze && (!_lines.TryGetValue(table, out var line) || line.Nodes.IsEmpty))
            yield return new Hindrance(table, HindranceKind.NoNode, table.ToString(), $"none of the nodes that run ({string.Join(", ", status.Nodes.Select(node => node.Facts.Node))}) reads it",
                "Start one with the role ingest and this configuration.", Since: null, ["run"]);
        foreach (var trouble in status.Nodes.SelectMany(node => node.Troubles).OrderBy(trouble => trouble.Since).DistinctBy(trouble => trouble.Thing))
        {
            if (!Keeps(trouble.Thing, table, isAsked) || said is { EndedAt: null } && (said.Thing == trouble.Thing || said.Cause == trouble.Cause)) continue;
            yield return new Hindrance(table, trouble.Kind is null ? HindranceKind.Waits : HindranceKind.Away, trouble.Thing, trouble.Cause, trouble.NextStep.Length > 0 ? trouble.NextStep : "Look at it: no answer comes, and it is waited for.", trouble.Since, HelpOf(trouble, table));
        }
    }

    private static string CauseOf(UnlikeTable unlike) => unlike.Reason switch
    {
        UnlikeReason.NotInNewest => "it started last, and its configuration does not have this table",
        UnlikeReason.NotEverywhere => "it started last, and others do not know this table",
        _ => $"it started last, and {string.Join(", ", unlike.Nodes)} has other workers or another contract of this table",
    };

    /// <summary>Of an execution that does not end.</summary>
    private static ImmutableArray<string> HelpOf(Trouble trouble, TableId table) =>
        trouble.Kind is null && table.Layer != Layer.Bronze && trouble.Thing.StartsWith(OfTable, StringComparison.Ordinal) ? ["jobs", "cancel", table.ToString(), "--reason", "WHY"] : [];

    /// <summary>Whatever names a source or a table keeps those alone; stores, disks and all else keep every table.</summary>
    private static bool Keeps(string thing, TableId table, bool isAsked)
    {
        if (thing.IndexOf(OfSource, StringComparison.Ordinal) is var at and >= 0) return table.Source is { } source && Names(thing[(at + OfSource.Length)..], source);
        if (thing.StartsWith(OfTable, StringComparison.Ordinal)) return Names(thing[OfTable.Length..], table.ToString());
        return isAsked && (table.Layer != Layer.Bronze || !thing.StartsWith(OfJournal, StringComparison.Ordinal));
    }

    private static bool Names(string text, string name) => text.StartsWith(name, StringComparison.Ordinal) && (text.Length == name.Length || text[name.Length] is ' ' or ',' or ':');
}
