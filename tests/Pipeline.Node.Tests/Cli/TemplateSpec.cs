using Npgsql;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Storage;
using Pipeline.Emulation.Postgres;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>The configuration that others begin theirs with runs as it is, on a database as it says.</summary>
public sealed class TemplateSpec : IDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private static readonly string Template = Path.Combine(Repository.Root, "hocon", "template", "pipeline.conf");

    private readonly ScratchDirectory _directory = new("pipeline-template-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string LakeDirectory => Path.Combine(_directory, "lake");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task The_template_is_checked_and_runs_on_a_database_of_one_table()
    {
        await using var server = await ScratchPostgres.StartAsync(new ScratchPostgresOptions(Path.Combine(_directory, "postgres")), Cancel);
        await using var database = NpgsqlDataSource.Create(server.ConnectionString);
        // The table stands in the template's own words.
        var table = string.Join(' ', (await File.ReadAllLinesAsync(Template, Cancel)).SkipWhile(line => !line.Contains("CREATE TABLE", StringComparison.Ordinal)).Take(2).Select(line => line.TrimStart('#', ' ')));
        table = table[table.IndexOf("CREATE TABLE", StringComparison.Ordinal)..(table.IndexOf("now())", StringComparison.Ordinal) + "now())".Length)];
        await using (var make = database.CreateCommand($"{table}; INSERT INTO orders (id, customer, total) VALUES (1, ' Ada', 10), (2, 'Ada', 5.5), (3, 'Bob', 1), (4, 'Eve', -1)")) await make.ExecuteNonQueryAsync(Cancel);
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["SHOP_DB_HOST"] = server.Host, ["SHOP_DB_PORT"] = $"{server.Port}", ["SHOP_DB_NAME"] = server.Database, ["SHOP_DB_USER"] = server.User, ["SHOP_DB_PASSWORD"] = server.Password, ["SHOP_DB_TLS"] = "require",
            ["PIPELINE_LAKE"] = LakeDirectory, ["PIPELINE_JOURNAL"] = $"Data Source={Path.Combine(_directory, "journal.db")}",
        };

        var check = await NodeRun.OfAsync(environment, "check", "--config", Template).WaitAsync(Deadline, Cancel);
        var run = await NodeRun.OfAsync(environment, "run", "--once", "--config", Template).WaitAsync(Deadline, Cancel);
        var shown = await NodeRun.OfAsync(environment, "show", "gold/customer_totals", "--config", Template, "-o", "json").WaitAsync(Deadline, Cancel);

        Assert.True((check.ExitCode, run.ExitCode, shown.ExitCode) == (ExitCode.Done, ExitCode.Done, ExitCode.Done), $"{check}\n{run}\n{shown}");
        var lake = new Lake(new LocalObjectStore(LakeDirectory), TimeProvider.System);
        Assert.Equal((4L, 3L, 1L), (await RowsAsync("bronze/shop/orders"), await RowsAsync("silver/orders"), (await lake.TryOpenAsync(TableId.Quarantine("orders"), Cancel))!.Current.RowCount));
        Assert.Equal(["Ada 2 15.50", "Bob 1 1.00"], shown.Rows.Select(row => $"{row!["customer"]} {row["orders"]} {row["total"]}").Order(StringComparer.Ordinal));

        async Task<long?> RowsAsync(string id) => (await lake.TryOpenAsync(TableId.Parse(id), Cancel))!.Current.RowCount;
    }
}
