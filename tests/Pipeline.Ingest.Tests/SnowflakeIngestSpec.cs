using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Emulation.Snowflake;
using Pipeline.Sources.Snowflake;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>The real Snowflake source from an emulated account into a lake.</summary>
public sealed class SnowflakeIngestSpec : IDisposable
{
    private const string Columns = "(ID NUMBER(38,0) NOT NULL, AT NUMBER(18,0) NOT NULL)";

    private static readonly TableId Orders = TableId.Bronze("crm", "orders");

    private readonly LakeOracle _oracle = new();

    public void Dispose() => _oracle.Dispose();

    [Theory]
    // Nobody lists the table meanwhile: what is committed is asked for.
    [InlineData(true, "CREATE OR REPLACE TABLE ORDERS", "INSERT INTO ORDERS VALUES (11, 50), (12, 60)")]
    [InlineData(true, "", "INSERT INTO STAGED VALUES (11, 50), (12, 60)", "ALTER TABLE ORDERS SWAP WITH STAGED")]
    // Nothing of the other table is beyond what was read: the list tells.
    [InlineData(false, "CREATE OR REPLACE TABLE ORDERS", "INSERT INTO ORDERS VALUES (11, 1), (12, 2)")]
    [InlineData(false, "", "INSERT INTO STAGED VALUES (11, 1), (12, 2)", "ALTER TABLE ORDERS SWAP WITH STAGED")]
    public async Task A_table_made_anew_or_swapped_under_its_reader_is_read_from_its_beginning_as_another(bool isListedSeldom, string create, params string[] statements)
    {
        await using var server = await SnowflakeServer.StartAsync(new SnowflakeServerOptions(), TestContext.Current.CancellationToken);
        server.Database.Execute($"CREATE TABLE ORDERS {Columns}");
        server.Database.Execute($"CREATE TABLE STAGED {Columns}");
        server.Database.Execute("INSERT INTO ORDERS VALUES (1, 10), (2, 20)");
        await using var source = Open(server);
        await using var node = await IngestNode.StartAsync(_oracle.Lake, [source], IngestNode.Fast with { SplitsInterval = isListedSeldom ? TimeSpan.FromHours(1) : IngestNode.Fast.SplitsInterval });
        await node.UntilAsync(status => status.Tables.Any(table => table.Rows == 2));

        if (create.Length > 0) server.Database.Execute($"{create} {Columns}");
        foreach (var statement in statements) server.Database.Execute(statement);
        await node.UntilAsync(status => status.Tables.Any(table => table.Rows >= 4));

        Assert.Equal(["0:1", "0:2", "1:11", "1:12"], (await _oracle.ColumnAsync(Orders, "coalesce(_epoch, 0) || ':' || id")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_table_emptied_while_nobody_reads_it_whose_numbers_begin_again_is_read_and_nothing_halts()
    {
        await using var server = await SnowflakeServer.StartAsync(new SnowflakeServerOptions(), TestContext.Current.CancellationToken);
        server.Database.Execute($"CREATE TABLE ORDERS {Columns}");
        server.Database.Execute("INSERT INTO ORDERS VALUES (1, 10), (2, 20)");
        await using (var source = Open(server))
        {
            await using var node = await IngestNode.StartAsync(_oracle.Lake, [source]);
            await node.UntilAsync(status => status.Tables.Any(table => table.Rows == 2));
        }

        server.Database.Execute("TRUNCATE ORDERS");
        server.Database.Execute("INSERT INTO ORDERS VALUES (11, 1), (12, 2)");
        await using var later = Open(server);
        await using var last = await IngestNode.StartAsync(_oracle.Lake, [later]);
        await last.UntilAsync(status => status.Tables.Any(table => table.Rows == 2));

        Assert.Equal(["11:21", "12:21", "1:10", "2:20"], (await _oracle.ColumnAsync(Orders, "id || ':' || _position")).Order(StringComparer.Ordinal));
    }

    private static ISource Open(SnowflakeServer server) => new SnowflakeSourceDefinition(new SnowflakeSourceOptions
    {
        Name = "crm",
        AccountUrl = server.Url,
        Security = new SnowflakeSecurityOptions.OAuth(server.TokenUrl, "pipeline", new Secret("pipeline-secret"), "session:role:PIPELINE"),
        Role = "PIPELINE",
        Warehouse = "INGEST_WH",
        Database = "ENTERPRISE",
        Schema = "CRM",
        Tables = [new SnowflakeTableOptions("orders", "ORDERS", "AT", ["ID"])],
        PollInterval = TimeSpan.FromMilliseconds(20),
        CommitLag = TimeSpan.Zero,
    }).Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner()));
}
