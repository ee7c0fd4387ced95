using System.Globalization;
using Microsoft.AspNetCore.Http;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Operations.Control;
using Pipeline.Operations.DeadLetters;
using Pipeline.Operations.Kpis;
using Pipeline.Operations.Quarantines;
using Pipeline.Operations.Tables;

namespace Pipeline.Node.Http.Api;

/// <summary>How the lake and its tables are: the same operations as on the command line.</summary>
internal static class LakeEndpoints
{
    private static readonly ApiParameter InPath = new("table", "string", "bronze/SOURCE/TABLE, silver/TABLE or gold/TABLE, with %2F for /.") { IsInPath = true };
    private static readonly ApiParameter Run = new("run", "integer", "The number of a run, as 12 of silver/users#12.") { IsInPath = true, Min = 1, Max = long.MaxValue };
    private static readonly ApiParameter Key = new("key", "string", "A value of each column of the table's key, in their order, as a JSON array of texts: [\"1\"].");
    private static readonly ApiParameter OfTable = new("table", "string", "Only those of this table.");
    private static readonly ApiParameter Source = new("source", "string", "Only those of this source.");
    private static readonly ApiParameter Days = new("days", "integer", "Of so many days, today among them.") { Min = 1, Max = 3_660, Default = 7 };

    public static IReadOnlyList<ApiEndpoint> All { get; } =
    [
        ApiEndpoint.Get("/v1/status", ApiAccess.Viewer, "How each table is: its state, its age against its SLA, and what was last said to be wrong.", StatusAsync, Pages.Limit, Pages.Cursor),
        ApiEndpoint.Get("/v1/tables", ApiAccess.Viewer, "The lake's tables: version, rows, files, bytes.", TablesAsync, Pages.Limit, Pages.Cursor),
        ApiEndpoint.Get("/v1/tables/{table}", ApiAccess.Viewer, "One table.", TableAsync, InPath),
        ApiEndpoint.Get("/v1/tables/{table}/history", ApiAccess.Viewer, "A table's commits, newest first.", HistoryAsync, InPath, Pages.Limit, Pages.Cursor),
        ApiEndpoint.Get("/v1/tables/{table}/why", ApiAccess.Viewer, "What keeps a table, or what it is made from: since when, what is waited for, and what helps.", WhyAsync, InPath),
        ApiEndpoint.Get("/v1/tables/{table}/runs/{run}", ApiAccess.Viewer, "One run of a Silver or Gold table: what it reads, writes and computes, when, how often it was tried, why it failed, and where its log is.", RunAsync, InPath, Run),
        new(HttpMethods.Get, "/v1/tables/{table}/row", ApiAccess.Viewer, "From where a row of a Silver table comes, what it was judged by, and what is made of it in Gold; no value of a source's column.", RowAsync) { Answer = typeof(RowDocument), Parameters = [InPath, Key] },
        ApiEndpoint.Get("/v1/kpi", ApiAccess.Viewer, "How fresh, right, reliable and efficient each table was on each day.", KpiAsync, Days, Pages.Limit, Pages.Cursor),
        ApiEndpoint.Get("/v1/quarantine", ApiAccess.Viewer, "Rows that break a rule, counted by table and rule.", QuarantineAsync, OfTable, Pages.Limit, Pages.Cursor),
        ApiEndpoint.Get("/v1/dlq", ApiAccess.Viewer, "Dead letters, counted by table, code and epoch.", DeadLettersAsync, Source, OfTable, Pages.Limit, Pages.Cursor),
    ];

    private static async Task<StatusDocument> StatusAsync(ApiCall call)
    {
        var status = await StatusOfLake.RunAsync(new StatusOfLakeRequest(), call.Node.Lake, call.Node.Time, call.Ended);
        var page = Pages.Of(call, status.Tables.Select(StatusItem.Of), item => item.Table.ToString(), status.Failed);
        return new StatusDocument(ApiJson.SchemaVersion, call.Node.Options.Name, status.Lake, status.ToldAt, [.. status.DeadLetters.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => new SourceLetters(pair.Key, pair.Value))],
            status.Maintained?.CompactedAt, status.Maintained?.VacuumedAt, page.Items, page.Next, page.Failed);
    }

    private static async Task<PageDocument<TableItem>> TablesAsync(ApiCall call)
    {
        var found = await ListTables.RunAsync(new ListTablesRequest(), call.Node.Lake, call.Node.Time, call.Ended);
        return Pages.Of(call, found.Tables.Select(TableItem.Of), item => item.Table.ToString(), found.Failed);
    }

    private static async Task<TableDocument> TableAsync(ApiCall call)
    {
        var shown = await DescribeTable.RunAsync(new DescribeTableRequest(call.Table(InPath)!), call.Node.Lake, call.Node.Time, call.Ended);
        return new TableDocument(ApiJson.SchemaVersion, TableItem.Of(shown.State), [.. shown.Columns.Select(column => new ColumnItem(column.Name, column.Type, column.IsNullable))]);
    }

    private static async Task<PageDocument<CommitItem>> HistoryAsync(ApiCall call)
    {
        var (limit, before) = ((int)call.Number(Pages.Limit), Before(call));
        var history = await TableHistory.RunAsync(new TableHistoryRequest(call.Table(InPath)!, limit + 1, before), call.Node.Lake, call.Ended);
        var items = history.Commits.Take(limit).Select(CommitItem.Of).ToList();
        return new PageDocument<CommitItem>(ApiJson.SchemaVersion, items, history.Commits.Count > limit ? Pages.CursorOf(items[^1].Version.ToString(CultureInfo.InvariantCulture)) : null, []);
    }

    private static async Task<WhyDocument> WhyAsync(ApiCall call) =>
        WhyDocument.Of(await WhyTable.RunAsync(new WhyTableRequest(call.Table(InPath)!), call.Node.Options, call.Node.Lake, call.Node.Record, call.Node.Time, call.Ended, await call.Node.Control.StatusAsync(call.Ended)));

    private static async Task<RunDocument> RunAsync(ApiCall call) =>
        RunDocument.Of(await ShowRun.RunAsync(new ShowRunRequest(call.Table(InPath)!, call.Number(Run)), call.Node.Options.Transform, call.Node.Lake, await call.Node.Control.StatusAsync(call.Ended), call.Ended));

    private static async Task RowAsync(ApiCall call)
    {
        using var turn = call.Node.Rows.TryTake();
        if (turn is null)
        {
            await new ApiProblem(StatusCodes.Status429TooManyRequests, "too_many", "This node", "it looks for another row already, and for one at a time", "Wait a second, or ask with './pipeline explain-row', which reads the lake.").WriteAsync(call.Http);
            return;
        }

        var explained = await ExplainRow.RunAsync(new ExplainRowRequest(call.Table(InPath)!, call.Texts(Key)), call.Node.Options.Graph, call.Node.Lake, call.Ended);
        await ApiAnswer.WriteAsync(call.Http, new RowDocument(ApiJson.SchemaVersion, [.. explained.Stations.Select(RowStationItem.Of)]));
    }

    private static long? Before(ApiCall call) => Pages.After(call) is not { } after ? null
        : long.TryParse(after, CultureInfo.InvariantCulture, out var version) ? version : throw Pages.NotGivenOut(inner: null);

    private static async Task<PageDocument<KpiItem>> KpiAsync(ApiCall call)
    {
        var found = await ComputeKpis.RunAsync(new KpiRequest((int)call.Number(Days), call.Node.Options.Freshness.SlaOf), call.Node.Lake, call.Node.Time, call.Ended);
        return Pages.Of(call, found.Days.Select(KpiItem.Of), item => $"{item.Day} {item.Table}", found.Failed);
    }

    private static async Task<PageDocument<QuarantineItem>> QuarantineAsync(ApiCall call)
    {
        var found = await ListQuarantine.RunAsync(new ListQuarantineRequest(call.Table(OfTable)), call.Node.Lake, call.Ended);
        return Pages.Of(call, found.Counts.Select(QuarantineItem.Of), item => $"{item.Table} {item.Rule}", found.Failed);
    }

    private static async Task<PageDocument<DeadLetterItem>> DeadLettersAsync(ApiCall call)
    {
        var found = await ListDeadLetters.RunAsync(new ListDeadLettersRequest(call.Text(Source), call.Table(OfTable)), call.Node.Lake, call.Ended);
        return Pages.Of(call, found.Counts.Select(DeadLetterItem.Of), item => $"{item.Table} {item.Code} {item.Epoch:D10}", found.Failed);
    }
}
