using System.Collections.Immutable;
using Pipeline.Core;

namespace Pipeline.Operations.Control;

/// <summary>What nodes have reported, put together.</summary>
internal sealed class PipelineView
{
    /// <summary>Tables of a page: so that no message is too large.</summary>
    public const int PageTables = 200;

    private readonly Dictionary<string, (NodeLine Line, Dictionary<TableId, TableReport> Tables)> _nodes = new(StringComparer.Ordinal);
    private readonly SortedSet<TableId> _tables = new(TableId.ByName);

    public IEnumerable<NodeLine> Lines => _nodes.Values.Select(node => node.Line);

    /// <summary>Tables that work.</summary>
    public ImmutableHashSet<string> Well => [.. _tables.Where(table => IsWell(Find(table))).Select(table => table.ToString())];

    public bool IsWell(string thing) => IsWell(Find(TableId.Parse(thing)));

    /// <summary>Takes a report over.</summary>
    public void Hear(NodeReport report, DateTimeOffset now)
    {
        var node = report.Facts.Node;
        if (_nodes.TryGetValue(node, out var known) && known.Line.Facts.Incarnation != report.Facts.Incarnation) _nodes.Remove(node);
        var tables = _nodes.TryGetValue(node, out known) ? known.Tables : [];
        foreach (var table in report.Tables)
        {
            tables[table.Table] = table;
            _tables.Add(table.Table);
        }

        foreach (var gone in report.Gone) tables.Remove(gone);
        _nodes[node] = (new NodeLine(report.Facts, now, report.By?.Number ?? 0, report.IsHeld, report.BufferBytes, report.Away) { Troubles = report.Troubles }, tables);
    }

    private static bool IsWell(TableLine? line) => line is { Nodes.IsEmpty: false } && line.Report.State is WorkState.Reading or WorkState.Current or WorkState.Running;

    public void Lose(string node)
    {
        _nodes.Remove(node);
        _tables.RemoveWhere(table => !_nodes.Values.Any(known => known.Tables.ContainsKey(table)));
    }

    public TableLine? Find(TableId table)
    {
        var reports = _nodes.Where(node => node.Value.Tables.ContainsKey(table)).Select(node => (Node: node.Key, Report: node.Value.Tables[table])).ToList();
        if (reports.Count == 0) return null;
        var worst = reports.MaxBy(report => report.Report.State).Report;
        return new TableLine(worst with
        {
            Rows = reports.Count == 1 ? worst.Rows : reports.Sum(report => report.Report.Rows),
            RowsPerSecond = reports.TrueForAll(report => report.Report.RowsPerSecond is null) ? null : reports.Sum(report => report.Report.RowsPerSecond ?? 0),
            Version = reports.Max(report => report.Report.Version), LastAt = reports.Max(report => report.Report.LastAt),
            ReflectsUntil = reports.Max(report => report.Report.ReflectsUntil), Fault = worst.Fault ?? reports.Select(report => report.Report.Fault).FirstOrDefault(fault => fault is not null),
            Workers = [.. reports.SelectMany(report => report.Report.Workers)],
        }, reports.Where(report => !report.Report.Workers.IsEmpty || report.Report.Run is not null).ToImmutableDictionary(report => report.Node, report => report.Report.Workers, StringComparer.Ordinal));
    }

    /// <summary>A page of all that is known.</summary>
    public PipelinePage Page(TableId? after, DateTimeOffset now, DateTimeOffset? lakeAway, IEnumerable<string> unrecorded)
    {
        var ids = (after is null ? _tables : _tables.GetViewBetween(after, _tables.Max is { } last && TableId.ByName.Compare(after, last) < 0 ? last : after).Where(table => table != after))
            .Take(PageTables + 1).ToList();
        return new PipelinePage(now, [.. _nodes.Values.Select(node => node.Line).OrderBy(line => line.Facts.Node, StringComparer.Ordinal)],
            [.. ids.Take(PageTables).Select(Find).OfType<TableLine>()], ids.Count > PageTables ? ids[PageTables - 1] : null, lakeAway, [.. unrecorded]);
    }
}
