using Pipeline.Core;
using Pipeline.Operations.Control;

namespace Pipeline.Operations.Tests.Control;

public sealed class PipelineViewSpec
{
    private static readonly DateTimeOffset At = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly TableId Users = TableId.Bronze("app", "users");

    private readonly PipelineView _view = new();

    [Fact]
    public void A_table_of_several_nodes_is_as_its_worst_worker_and_has_the_rows_of_all()
    {
        Hear("a:1", Of(Users, WorkState.Reading, rows: 10, perSecond: 1.5));
        Hear("b:1", Of(Users, WorkState.Retrying, rows: 5, perSecond: null));

        var line = _view.Find(Users)!;

        Assert.Equal((WorkState.Retrying, 15, 1.5), (line.Report.State, line.Report.Rows, line.Report.RowsPerSecond));
        Assert.Equal(["a:1", "b:1"], line.Nodes.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void What_a_node_that_is_gone_or_began_anew_said_is_forgotten()
    {
        Hear("a:1", Of(Users, WorkState.Reading, rows: 10, perSecond: 1));
        Hear("b:1", Of(TableId.Silver("users"), WorkState.Current, rows: 10, perSecond: null));

        Hear("a:1", "2");
        Assert.Null(_view.Find(Users));
        _view.Lose("b:1");

        Assert.Empty(_view.Page(after: null, At, lakeAway: null, []).Tables);
        Assert.Equal(["a:1"], _view.Page(after: null, At, lakeAway: null, []).Nodes.Select(node => node.Facts.Node));
    }

    [Fact]
    public void Pages_hold_every_table_once()
    {
        var tables = Enumerable.Range(0, (2 * PipelineView.PageTables) + 1).Select(i => TableId.Silver($"t{i}")).ToList();
        foreach (var part in tables.Chunk(NodeReport.TablesMax)) Hear("a:1", [.. part.Select(table => Of(table, WorkState.Current, rows: 1, perSecond: null))]);

        var (seen, pages) = (new List<TableId>(), 0);
        for (TableId? after = null; ; pages++)
        {
            var page = _view.Page(after, At, lakeAway: null, []);
            seen.AddRange(page.Tables.Select(line => line.Table));
            if ((after = page.Next) is null) break;
        }

        Assert.Equal(2, pages);
        Assert.Equal(tables.Order(TableId.ByName), seen);
    }

    private static TableReport Of(TableId table, WorkState state, long rows, double? perSecond) => new(table, state, At, Version: 1, rows, perSecond, Pending: 0) { Workers = [new WorkerLine(0, state, 1)] };

    private void Hear(string node, params TableReport[] tables) => Hear(node, "1", tables);

    private void Hear(string node, string incarnation, params TableReport[] tables) =>
        _view.Hear(new NodeReport(new NodeFacts(node, incarnation, "1.0.0", At, ["ingest"], "f"), By: null, IsHeld: false, BufferBytes: 0, tables, []), At);
}
