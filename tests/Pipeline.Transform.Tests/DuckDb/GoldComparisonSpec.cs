using Apache.Arrow;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Transform.Engines.DuckDb;
using Pipeline.Transform.Gold;
using Pipeline.Transform.Graph;

namespace Pipeline.Transform.Tests.DuckDb;

public sealed class GoldComparisonSpec : IDisposable
{
    private const string Contracts = "sales { from = bronze/crm/sales, columns { sale_id { type = long }, amount { type = \"decimal(12,2)\" } }, key = [sale_id] }";

    private static readonly IReadOnlyList<Field> Sales = TestLake.BronzeColumns("sale_id long", "amount decimal(12,2)");

    private readonly TestLake _lake = new(Graph("SELECT sale_id, amount FROM silver.sales"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task A_table_is_what_its_query_returns_of_what_it_was_made_from_whatever_has_come_since()
    {
        await AppendAsync(1);
        await AppendAsync(2);
        await _lake.RunAllAsync();
        await AppendAsync(3);
        await _lake.RunAsync("silver/sales");

        Assert.Equal(new GoldComparison.Compared(2, 2, 0, 0, 0), await CompareAsync(_lake.Graph));
    }

    [Fact]
    public async Task Rows_that_the_query_does_not_return_and_rows_that_are_missing_are_found()
    {
        await AppendAsync(1);
        await AppendAsync(2);
        await _lake.RunAllAsync();
        var gold = (await _lake.Lake.TryOpenAsync(TableId.Gold("sales"), Cancel))!;
        await WriteAsync(gold, "SELECT 2 AS sale_id, 1.00 AS amount UNION ALL SELECT 99, 1.00");

        Assert.Equal(new GoldComparison.Compared(2, 2, 1, 1, 1), await CompareAsync(_lake.Graph));
    }

    [Fact]
    public async Task What_another_definition_made_is_not_compared()
    {
        await AppendAsync(1);
        await _lake.RunAllAsync();

        Assert.Equal(new GoldComparison.Redefined(), await CompareAsync(Graph("SELECT sale_id, amount FROM silver.sales WHERE amount > 0")));
    }

    [Fact]
    public async Task A_version_of_an_input_whose_files_are_gone_is_not_compared()
    {
        await AppendAsync(1);
        await _lake.RunAllAsync();
        var before = (await _lake.Lake.TryOpenAsync(TableId.Silver("sales"), Cancel))!.Current;
        await _lake.AppendAsync("bronze/crm/sales", Sales, "SELECT 1 AS sale_id, 2.00 AS amount, 'u' AS _op, 9 AS _position");
        await _lake.RunAsync("silver/sales");
        _lake.Time.Advance(TimeSpan.FromDays(30));
        await _lake.VacuumAsync("silver/sales");

        Assert.Equal(new GoldComparison.NotKept(TableId.Silver("sales"), before.Version), await CompareAsync(_lake.Graph));
    }

    private async Task<GoldComparison> CompareAsync(TransformGraph graph)
    {
        var table = (await _lake.Lake.TryOpenAsync(TableId.Gold("sales"), Cancel))!;
        return await GoldComparison.OfAsync(DuckDbEngine.SettingsOf(_lake.Options), _lake.Lake, graph, graph.TryGold(TableId.Gold("sales"))!, table, table.Current, Cancel);
    }

    /// <summary>Another program's commit: these rows are all that the table holds.</summary>
    private async Task WriteAsync(DeltaTable table, string query)
    {
        using var session = _lake.OpenSession();
        var adds = await ParquetCopy.WriteAsync(session, table, table.Current.Schema.FieldsList, query, _lake.Time.GetUtcNow(), Cancel);
        var removes = table.Current.Files.Select(file => new RemoveFile(file.Path, _lake.Time.GetUtcNow(), DataChange: true, file.PartitionValues, file.Size));
        Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction("WRITE", Isolation.ReadTable) { Adds = [.. adds], Removes = [.. removes] }, Cancel));
    }

    private Task AppendAsync(int id) => _lake.AppendAsync("bronze/crm/sales", Sales, $"SELECT {id} AS sale_id, {id}.50 AS amount, 'r' AS _op, {id} AS _position");

    private static TransformGraph Graph(string sql) => TestGraph.Of(Contracts, "sales { sql = \"sales.sql\", materialization = merge, key = [sale_id] }", ("sales.sql", sql));
}
