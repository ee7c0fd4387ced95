using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Emulation.Snowflake;
using Pipeline.Ingest.DeadLetters;
using Pipeline.Sources.Snowflake;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests.DeadLetters;

/// <summary>Dead letters of a source whose rows share positions.</summary>
public sealed class SnowflakeRedriveSpec : IDisposable
{
    private static readonly TableId Orders = TableId.Bronze("crm", "orders");
    private static readonly TableId Dead = TableId.DeadLetter("crm");

    private readonly LakeOracle _oracle = new();

    public void Dispose() => _oracle.Dispose();

    [Fact]
    public async Task Letters_of_one_position_enter_each_once_when_they_can_be_decoded()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        await using var server = await SnowflakeServer.StartAsync(new SnowflakeServerOptions(), deadline.Token);
        server.Database.Execute("CREATE TABLE ORDERS (ID NUMBER(38,0) NOT NULL, DAY DATE, AT NUMBER(18,0) NOT NULL)");
        // A day that the lake cannot hold makes a letter of the third row.
        server.Database.Execute("INSERT INTO ORDERS VALUES (1, '2026-01-01', 5), (4, '2026-01-02', 5), (9, '12000-01-01', 5)");
        await using (var source = Open(server, "ID"))
        {
            await using var node = await IngestNode.StartAsync(_oracle.Lake, [source]);
            await node.UntilAsync(status => status.Tables.Any(table => table.Positions.Values.Any(position => position == 6)));
        }

        await DieAsync(6, "[\"2\",\"20454\",\"5\"]", "[\"4\",\"20455\",\"5\"]", "[\"3\",\"20454\"]", "[\"6\",\"20454\",\"7\"]");
        var first = await RedriveAsync(server, "ID", deadline.Token);
        await DieAsync(7, "[\"5\",\"20456\",\"5\"]");
        var second = await RedriveAsync(server, "ID", deadline.Token);

        Assert.Equal([(RedriveOutcome.InTable, 1L), (RedriveOutcome.Redriven, 1L), (RedriveOutcome.Undecodable, 3L)], Counted(first));
        Assert.Equal([(RedriveOutcome.InTable, 2L), (RedriveOutcome.Redriven, 1L), (RedriveOutcome.Undecodable, 3L)], Counted(second));
        Assert.Equal(["1|2026-01-01", "2|2026-01-01", "4|2026-01-02", "5|2026-01-03"], (await _oracle.ColumnAsync(Orders, "id || '|' || day")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Rows_that_cannot_be_told_from_each_other_are_not_re_driven()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        await using var server = await SnowflakeServer.StartAsync(new SnowflakeServerOptions(), deadline.Token);
        server.Database.Execute("CREATE TABLE ORDERS (ID NUMBER(38,0) NOT NULL, DAY DATE, AT NUMBER(18,0) NOT NULL)");
        server.Database.Execute("INSERT INTO ORDERS VALUES (2, '12000-01-01', 5)");
        await using (var source = Open(server))
        {
            await using var node = await IngestNode.StartAsync(_oracle.Lake, [source]);
            await node.UntilAsync(status => status.Tables.Any(table => table.Positions.Values.Any(position => position == 6)));
        }

        var failure = await Assert.ThrowsAsync<PipelineException>(() => RedriveAsync(server, key: null, deadline.Token));

        Assert.Contains("Set 'key' of the table", failure.NextStep, StringComparison.Ordinal);
    }

    private static IEnumerable<(RedriveOutcome, long)> Counted(RedriveReport report) =>
        report.Lines.GroupBy(line => line.Outcome).Select(group => (group.Key, group.Sum(line => line.Letters))).OrderBy(pair => pair.Key.ToString(), StringComparer.Ordinal);

    private async Task DieAsync(long end, params string[] rows)
    {
        var dead = await BronzeTable.OpenAsync(_oracle.Lake, Dead, DeadLetterColumns.SourceSchema, TestContext.Current.CancellationToken);
        await dead.Delta.RefreshAsync(TestContext.Current.CancellationToken);
        await LetterLake.CommitAsync(dead, LetterLake.RowsOf([.. rows.Select(row => new DeadLetter("orders", new SplitId("crm", "orders"), 5, "scripted", "It was written as dead.", null,
            Encoding.UTF8.GetBytes(row), null, DateTimeOffset.UnixEpoch))]), new Dictionary<string, long>(StringComparer.Ordinal) { ["crm/orders"] = end });
    }

    private async Task<RedriveReport> RedriveAsync(SnowflakeServer server, string? key, CancellationToken cancellationToken)
    {
        await using var source = Open(server, key);
        return await Redrive.RunAsync(_oracle.Lake, (IRedriveSource)source, Orders, new LetterSelection(), isDryRun: false, IngestNode.Fast, TimeProvider.System, cancellationToken);
    }

    private static ISource Open(SnowflakeServer server, string? key = null) => new SnowflakeSourceDefinition(new SnowflakeSourceOptions
    {
        Name = "crm",
        AccountUrl = server.Url,
        Security = new SnowflakeSecurityOptions.OAuth(server.TokenUrl, "pipeline", new Secret("pipeline-secret"), "session:role:PIPELINE"),
        Role = "PIPELINE",
        Warehouse = "INGEST_WH",
        Database = "ENTERPRISE",
        Schema = "CRM",
        Tables = [new SnowflakeTableOptions("orders", "ORDERS", "AT", key is null ? [] : [key])],
        PollInterval = TimeSpan.FromMilliseconds(20),
        CommitLag = TimeSpan.Zero,
    }).Open(new SourceServices(TimeProvider.System, NullLoggerFactory.Instance, new LocalSecretStore(), new TestOwner()));
}
