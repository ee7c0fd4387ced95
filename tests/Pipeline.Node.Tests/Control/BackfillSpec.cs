using System.Text;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Cli;
using Pipeline.Node.Tests.Cli;
using Pipeline.Node.Tests.Failures;
using Pipeline.Node.Tests.Nights;
using Pipeline.Operations.Control;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Control;

/// <summary>A table that is read again while its pipeline runs.</summary>
[Collection(HealthySources.Name)]
public sealed class BackfillSpec(HealthySources healthy) : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-backfill-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_topic_is_read_again_from_its_beginning_in_a_new_epoch_and_goes_on_and_Silver_stays_as_it_is()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build();
        await using var node = await RunningNode.StartAsync(_directory, $$"""
            events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }
            """, behind: Silver("""clicks { from = bronze/events/clicks, columns { id { type = long, required = true, from = value, path = "$.id" } }, key = [id] }"""));
        for (var id = 1; id <= 3; id++) await ProduceAsync(id);
        await node.WaitForRowsAsync("silver/clicks", 3);

        await BackfillAsync(node, "bronze/events/clicks");
        await node.WaitForRowsAsync("bronze/events/clicks", 6);
        await ProduceAsync(4);
        await node.WaitForRowsAsync("silver/clicks", 4);

        await HasRowsAsync(node, "bronze/events/clicks", 7);
        await HasRowsAsync(node, "silver/clicks", 4);
        Assert.Equal(1, (await node.Lake.TryOpenAsync(TableId.Parse("bronze/events/clicks"), Cancel))!.Current.Histories.Newest!.Epoch);

        Task ProduceAsync(int id) => producer.ProduceAsync("clicks", new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes($$"""{"id":{{id}}}""") }, Cancel);
    }

    [Fact]
    public async Task A_captured_table_is_read_again_by_a_snapshot_beside_its_stream()
    {
        await using var database = NpgsqlDataSource.Create(healthy.PostgresConnectionString);
        await ExecuteAsync("CREATE TABLE public.filled (id bigint PRIMARY KEY, note text); INSERT INTO public.filled VALUES (1, 'a'), (2, 'a')");
        await using (var node = await RunningNode.StartAsync(_directory, healthy.PostgresOf("""filled { table = "public.filled", key = [id] }""", "mode = cdc, capture { slot = filled, publication = filled }"),
            behind: Silver("filled { from = bronze/app/filled, columns { id { type = long }, note { type = string } }, key = [id] }")))
        {
            await node.WaitForRowsAsync("silver/filled", 2);

            await BackfillAsync(node, "bronze/app/filled");
            await node.WaitForRowsAsync("bronze/app/filled", 4);
            await ExecuteAsync("INSERT INTO public.filled VALUES (3, 'b')");
            await node.WaitForRowsAsync("silver/filled", 3);

            await HasRowsAsync(node, "bronze/app/filled", 5);
            await HasRowsAsync(node, "silver/filled", 3);
        }

        while (true)
        {
            try
            {
                await ExecuteAsync("SELECT pg_drop_replication_slot('filled')");
                break;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ObjectInUse)
            {
                // The server takes a moment to know that the connection is gone.
            }
        }

        async Task ExecuteAsync(string sql)
        {
            await using var command = database.CreateCommand(sql);
            await command.ExecuteNonQueryAsync(Cancel);
        }
    }

    [Theory]
    [InlineData("bronze/app/users")]
    [InlineData("bronze/crm/orders")]
    public async Task A_table_that_is_read_by_watermark_is_read_again_from_its_beginning(string table)
    {
        OnCall.OnlyByNight("A topic and a captured table are read again by day");
        await using var node = await RunningNode.StartAsync(_directory, table == "bronze/app/users" ? healthy.PostgresOf(HealthySources.UsersTable) : healthy.SnowflakeOf("orders { table = ORDERS, watermark = UPDATED_AT, key = [ORDER_ID] }"));
        await node.WaitForRowsAsync(table, HealthySources.Rows);

        await BackfillAsync(node, table);

        await node.WaitForRowsAsync(table, 2 * HealthySources.Rows);
        await HasRowsAsync(node, table, 2 * HealthySources.Rows);
    }

    private static string Silver(string table) => $$"""
        silver { {{table}} }
        transform { interval-min = 100ms, poll-interval = 1s }
        """;

    private static async Task BackfillAsync(RunningNode node, string table)
    {
        var run = await NodeRun.OfAsync("backfill", table, "--full", "--reason", "a test", "--config", node.ConfigPath, "--lake", node.LakeDirectory);
        Assert.True(run.ExitCode == ExitCode.Done, run.Data + run.Messages);
        var done = await node.WaitForControlAsync(state => state.Orders is [{ DoneAt: not null }]);
        Assert.Equal((OrderOutcome.Done, null), (done.Orders[0].Outcome, done.Orders[0].Detail));
    }

    private static async Task HasRowsAsync(RunningNode node, string table, long rows) => Assert.Equal(rows, (await node.Lake.TryOpenAsync(TableId.Parse(table), Cancel))!.Current.RowCount);
}
