using Pipeline.Core;
using Pipeline.Delta.Parquet;
using Pipeline.Transform.Dialects;
using Pipeline.Transform.Engines.DuckDb;

namespace Pipeline.Transform.Tests.DuckDb;

public sealed class RunCompressionSpec : IDisposable
{
    private const string Contracts = "sales { from = bronze/crm/sales, columns { sale_id { type = long }, amount { type = \"decimal(12,2)\", required = true } }, key = [sale_id] }";

    private readonly TestLake _lake = new(TestGraph.Of(Contracts, "sales { sql = \"sales.sql\", materialization = merge, key = [sale_id] }", ("sales.sql", "SELECT sale_id, amount FROM silver.sales")));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _lake.Dispose();

    [Fact]
    public async Task A_run_compresses_files_as_is_said_of_its_table_those_beside_it_too()
    {
        await _lake.AppendAsync("bronze/crm/sales", TestLake.BronzeColumns("sale_id long", "amount decimal(12,2)"),
            "SELECT 1 AS sale_id, 1.50 AS amount, 'r' AS _op, 1 AS _position UNION ALL SELECT 2, NULL, 'r', 2");
        var said = FileCompressions.None.ByName.Add("silver/sales", new FileCompression(Codec.Zstd, 7)).Add("gold", Codec.Snappy);
        var options = _lake.Options with { Compression = Codec.Zstd, Compressions = new FileCompressions(said) };
        var runner = new JobRunner(_lake.Tables, new DuckDbEngine(_lake.Lake.Store, options), options, _lake.Time);

        foreach (var table in (TableId[])[TableId.Silver("sales"), TableId.Gold("sales")])
            await runner.RunAsync(await _lake.Planner.ExpandAsync((await _lake.Planner.PlanAsync(table, Cancel))!, SqlDialect.DuckDb, Cancel), Cancel);

        Assert.Equal("zstd", await CodecAsync(TableId.Silver("sales")));
        Assert.Equal("zstd", await CodecAsync(TableId.Quarantine("sales")));
        Assert.Equal("zstd", await CodecAsync(TableId.Silver("_quality")));
        Assert.Equal("snappy", await CodecAsync(TableId.Gold("sales")));
    }

    private async Task<string> CodecAsync(TableId table) => Assert.Single((await _lake.Lake.TryOpenAsync(table, Cancel))!.Current.Files).Path.Split('.')[^2];
}
