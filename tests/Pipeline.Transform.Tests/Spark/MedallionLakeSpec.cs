using Apache.Arrow;
using Pipeline.Delta.Places;
using Pipeline.Testing;
using Pipeline.Transform.Dialects;

namespace Pipeline.Transform.Tests.Spark;

/// <summary>Runs of a lake through <c>spark/medallion_job.py</c>: the same tables as through the engine in this process.</summary>
public sealed class MedallionLakeSpec : IDisposable
{
    private const string Contracts = """
        sales {
          from = bronze/crm/sales
          columns { sale_id { type = long }, shop { type = string, required = true }, sold_at { type = timestamp }, amount { type = "decimal(12,2)" }, quantity { type = int } }
          key = [sale_id]
          rules = [ { name = sane, check = "CAST(shop AS INTEGER) * 1000000 > 0", severity = quarantine } ]
        }
        """;

    private const string Gold = """
        daily { sql = "daily.sql" }
        shops { sql = "shops.sql", materialization = merge, key = [shop] }
        """;

    private static readonly IReadOnlyList<Field> Sales = TestLake.BronzeColumns("sale_id long", "shop string", "sold_at timestamp", "amount decimal(12,2)", "quantity int");

    private static readonly (string, string)[] Files =
    [
        ("daily.sql", "SELECT CAST(sold_at AS DATE) AS sold_on, CAST(SUM(amount) AS DECIMAL(18,2)) AS amount FROM silver.sales GROUP BY 1 -- by day\n"),
        ("shops.sql", "SELECT shop, CAST(COUNT(*) AS BIGINT) AS sales, CAST(SUM(quantity) AS BIGINT) AS pieces FROM silver.sales GROUP BY shop"),
    ];

    private static readonly string[] Layers = ["bronze", "silver", "gold"];

    private readonly ScratchDirectory _directory = new("spark-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    /// <param name="elsewhere">Layers whose tables the job finds, and writes, in a location of their own.</param>
    [Theory]
    [InlineData]
    [InlineData("bronze")]
    [InlineData("silver", "gold")]
    public async Task Silver_and_Gold_are_what_the_engine_in_this_process_makes_of_them_wherever_tables_lie(params string[] elsewhere)
    {
        using var here = new TestLake(TestGraph.Of(Contracts, Gold, Files));
        using var there = new TestLake(TestGraph.Of(Contracts, Gold, Files), elsewhere: elsewhere);
        var spark = new SparkDouble(there.Lake.Store, _directory);
        var jobs = new JobRunner(there.Tables, spark, there.Options, there.Time);
        foreach (var rows in Batches)
        {
            await here.AppendAsync("bronze/crm/sales", Sales, rows);
            await here.RunAllAsync();
            await there.AppendAsync("bronze/crm/sales", Sales, rows);
            for (var ran = true; ran;)
            {
                ran = false;
                foreach (var table in there.Graph.Tables)
                {
                    if (await there.Planner.PlanAsync(table, Cancel) is not { } pins) continue;
                    await jobs.RunAsync(await there.Planner.ExpandAsync(pins, SqlDialect.DuckDb, Cancel), Cancel);
                    ran = true;
                }
            }

            foreach (var table in new[] { "silver.sales", "silver.sales__quarantine", "silver._quality", "gold.daily", "gold.shops" })
                Assert.Equal(await RowsAsync(here, table), await RowsAsync(there, table));
        }

        Assert.NotEmpty(await there.RowsAsync("SELECT * FROM silver.sales__quarantine"));
        Assert.All(spark.Runs, run => Assert.Equal(0, run.ExitCode));
        // A row that a rule fails on was found, files were rewritten, and outputs without rows named no file.
        Assert.Contains(spark.Runs, run => run.Answer!.Outputs.Any(output => !output.Rewritten.IsEmpty && output.Marks is { Rows: > 0 }));
        Assert.Contains(spark.Runs, run => run.Answer!.Outputs.Any(output => output.Files.IsEmpty));
        string[] places = elsewhere.Length == 0 ? [there.Lake.Store.Location] : [there.Lake.Store.Location, Assert.Single(((PlacedStore)there.Lake.Store).Places.Locations).Value.Address];
        foreach (var place in places)
        {
            Assert.Empty(Directory.EnumerateFiles(place, "*.crc", SearchOption.AllDirectories));
            Assert.Empty(Directory.EnumerateFiles(place, "marks*", SearchOption.AllDirectories));
        }

        Assert.Equal(elsewhere, Layers.Where(layer => places.Length > 1 && Directory.Exists(Path.Combine(places[1], layer))));
    }

    /// <summary>Rows that come, change, go and come back; rules that are broken, and that fail on a row.</summary>
    private static IEnumerable<string> Batches =>
    [
        Rows("1, '1', '2026-01-01 10:00:00+00', 1.50, 1", "2, '2', '2026-01-01 23:59:59.123456+00', 2.50, 2", "3, NULL, '2026-01-02 00:00:00+00', 4.00, 3"),
        Rows("1, '1', '2026-01-03 10:00:00+00', 9.50, 5", "4, 'four', '2026-01-01 10:00:00+00', 1.50, 1", "5, '9999', '2026-01-01 10:00:00+00', 1.50, 1", "6, '-1', '2026-01-01 10:00:00+00', 1.50, 1")
            + " UNION ALL SELECT 2, NULL, NULL, NULL, NULL, 'd', 90",
        Rows("4, '4', '2026-01-04 10:00:00+00', 2.00, 2"),
    ];

    private static int _position = 10;

    private static string Rows(params string[] rows) => string.Join(" UNION ALL ", rows.Select(row =>
    {
        var values = row.Split(", ");
        return $"SELECT CAST({values[0]} AS BIGINT) AS sale_id, CAST({values[1]} AS VARCHAR) AS shop, CAST({values[2]} AS TIMESTAMPTZ) AS sold_at, CAST({values[3]} AS DECIMAL(12,2)) AS amount, "
            + $"CAST({values[4]} AS INTEGER) AS quantity, 'u' AS _op, CAST({_position++} AS BIGINT) AS _position";
    }));

    private static async Task<IReadOnlyList<string>> RowsAsync(TestLake lake, string table) =>
        // Where a row of Bronze lies is another file in each lake.
        [.. (await lake.RowsAsync($"SELECT COLUMNS(c -> c NOT IN ('_bronze_file', '_file')) FROM {table}")).Order(StringComparer.Ordinal)];
}
