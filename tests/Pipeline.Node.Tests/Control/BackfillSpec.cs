using System.Collections.Immutable;
using System.Text;
using Confluent.Kafka;
using Npgsql;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Emulation.Kafka;
using Pipeline.Ingest;
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
    public async Task A_topic_is_read_again_from_an_offset_and_a_time_at_which_nothing_lies_is_refused_before_anything_is_done()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build();
        await using var node = await RunningNode.StartAsync(_directory, $$"""
            events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json } } }
            """, behind: Silver("""clicks { from = bronze/events/clicks, columns { id { type = long, required = true, from = value, path = "$.id" } }, key = [id] }"""));
        for (var id = 1; id <= 3; id++) await ProduceAsync(id);
        await node.WaitForRowsAsync("silver/clicks", 3);

        var never = await NodeRun.OfAsync("backfill", "bronze/events/clicks", "--from", "2026-01-09", "--reason", "a test", "--config", node.ConfigPath, "--lake", node.LakeDirectory);
        var none = await NodeRun.OfAsync("backfill", "bronze/events/clicks", "--from", "2026-01-03T12:00:00Z", "--to", "2026-01-09", "--reason", "a test", "--config", node.ConfigPath, "--lake", node.LakeDirectory);
        var beyond = await NodeRun.OfAsync("backfill", "bronze/events/clicks", "--from", "0:1", "--to", "0:9", "--reason", "a test", "--config", node.ConfigPath, "--lake", node.LakeDirectory);
        await BackfillAsync(node, "bronze/events/clicks", "--from", "0:1");
        await node.WaitForRowsAsync("bronze/events/clicks", 5);
        await ProduceAsync(4);
        await node.WaitForRowsAsync("silver/clicks", 4);

        Assert.All([never, none, beyond], refused => Assert.Equal(ExitCode.Failed, refused.ExitCode));
        Assert.All([never, none], refused => Assert.Contains("nothing of what was read lies there", refused.Messages, StringComparison.Ordinal));
        Assert.Contains("has been read up to 3, and the part ends at 9", beyond.Messages, StringComparison.Ordinal);
        await HasRowsAsync(node, "bronze/events/clicks", 6);
        await HasRowsAsync(node, "silver/clicks", 4);
        await IsVerifiedAsync(node);

        // What came before all that was read again is of an older order.
        var older = await NodeRun.OfAsync("backfill", "bronze/events/clicks", "--from", "0:0", "--to", "0:3", "--reason", "a test", "--config", node.ConfigPath, "--lake", node.LakeDirectory);
        Assert.Contains("nothing shows that epoch 1, which the table reads now, had begun there", older.Messages, StringComparison.Ordinal);
        Assert.Contains("Begin at 1 or later", older.Messages, StringComparison.Ordinal);

        Task ProduceAsync(int id) => producer.ProduceAsync("clicks", new Message<Null, byte[]> { Value = Encoding.UTF8.GetBytes($$"""{"id":{{id}}}"""), Timestamp = new Timestamp(new DateTime(2026, 1, id, 0, 0, 0, DateTimeKind.Utc)) }, Cancel);
    }

    /// <summary>The node is ended while the part may be read again, and the next takes records that were too large for it.</summary>
    [Fact]
    public async Task A_part_of_a_topic_is_read_again_in_its_order_so_that_later_records_of_its_keys_stay_whatever_they_are()
    {
        await using var kafka = EmbeddedKafka.Start(brokers: 1, ("clicks", 1));
        using var producer = new ProducerBuilder<Null, byte[]>(new ProducerConfig { BootstrapServers = kafka.Bootstrap }).Build();
        var behind = Silver("""clicks { from = bronze/events/clicks, columns { id { type = long, required = true, from = value, path = "$.id" }, note { type = string, from = value, path = "$.note" } }, key = [id] }""");
        // The 4th is too large at first, and of a later time than those behind it.
        (int Id, string Note, int Hour)[] records = [(1, "a", 0), (2, "a", 0), (3, "a", 0), (4, "a", 90), (2, "b", 0), (5, "a", 0)];
        for (var offset = 0; offset < records.Length; offset++) await ProduceAsync(offset, records[offset]);
        await using (var node = await RunningNode.StartAsync(Sub("first"), SourceOf(recordBytesMax: 100), Lake, behind))
        {
            await node.WaitForRowsAsync("silver/clicks", 4);
            await UntilSilverAsync("1a", "2b", "3a", "5a");
            await BackfillAsync(node, "bronze/events/clicks", "--from", "0:1", "--to", "0:4");
        }

        await using (var node = await RunningNode.StartAsync(Sub("second"), SourceOf(recordBytesMax: 100_000), Lake, behind))
        {
            await ProduceAsync(6, (3, "b", 0));
            await ProduceAsync(7, (4, "b", 0));
            await UntilSilverAsync("1a", "2b", "3b", "4b", "5a");
            await BackfillAgainAsync(node, "--from", "0:3", "--to", "0:5");
            await ProduceAsync(8, (6, "a", 0));
            await UntilSilverAsync("1a", "2b", "3b", "4b", "5a", "6a");

            var history = await NodeRun.OfAsync("history", "bronze/events/clicks", "--lake", Lake);
            Assert.Equal(2, history.Data.Split(TableTurns.EndOperation).Length - 1);
            var bronze = (await node.Lake.TryOpenAsync(TableId.Parse("bronze/events/clicks"), Cancel))!.Current;
            Assert.Equal((2, 0), (bronze.Histories.Newest!.Epoch, bronze.Histories.Newest.Order));
            await IsVerifiedAsync(node);
        }

        string SourceOf(int recordBytesMax) => $$"""
            events { type = kafka, bootstrap = "{{kafka.Bootstrap}}", security { protocol = plaintext }, tables { clicks { topic = clicks, format = json, record-bytes-max = {{recordBytesMax}} } } }
            """;

        Task ProduceAsync(int offset, (int Id, string Note, int Hour) record) => producer.ProduceAsync("clicks", new Message<Null, byte[]>
        {
            Value = Encoding.UTF8.GetBytes($$"""{"id":{{record.Id}},"note":"{{record.Note}}","more":"{{new string('x', record.Hour > 0 ? 200 : 1)}}"}"""),
            Timestamp = new Timestamp(new DateTime(2026, 1, 1 + offset, 0, 0, 0, DateTimeKind.Utc).AddHours(record.Hour)),
        }, Cancel);

        async Task BackfillAgainAsync(RunningNode node, params string[] part)
        {
            var run = await NodeRun.OfAsync([.. (string[])["backfill", "bronze/events/clicks"], .. part, "--reason", "once more", "--config", node.ConfigPath, "--lake", node.LakeDirectory]);
            Assert.True(run.ExitCode == ExitCode.Done, run.Data + run.Messages);
            var done = await node.WaitForControlAsync(state => state.Orders.Count() == 2 && state.Orders.All(order => order.DoneAt is not null));
            Assert.All(done.Orders, order => Assert.Equal((OrderOutcome.Done, OrderKind.BackfillInOrder), (order.Outcome, order.Kind)));
        }

        async Task UntilSilverAsync(params string[] rows) => await UntilRowsAsync("silver/clicks", rows);
    }

    [Fact]
    public async Task A_part_of_a_table_of_PostgreSQL_that_was_changed_behind_its_watermark_is_read_again_and_Silver_has_what_the_source_has()
    {
        await using var database = NpgsqlDataSource.Create(healthy.PostgresConnectionString);
        await PartAsync(healthy.PostgresOf("""parted { table = "public.parted", watermark = at, key = [id] }"""), "app", async sql =>
        {
            await using var command = database.CreateCommand(sql.Replace("PARTED", "public.parted", StringComparison.Ordinal).Replace("NUMBER(18,0)", "bigint", StringComparison.Ordinal));
            await command.ExecuteNonQueryAsync(Cancel);
        }, "timestamptz");
    }

    [Fact]
    public async Task A_part_of_a_table_of_Snowflake_that_was_changed_behind_its_watermark_is_read_again_and_Silver_has_what_the_source_has()
    {
        OnCall.OnlyByNight("PostgreSQL is read so by day");
        await PartAsync(healthy.SnowflakeOf("parted { table = PARTED, watermark = AT, key = [ID] }"), "crm", sql =>
        {
            healthy.Snowflake.Database.Execute(sql);
            return Task.CompletedTask;
        }, "TIMESTAMP_LTZ");
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

            var part = await NodeRun.OfAsync("backfill", "bronze/app/filled", "--from", "2026-01-01", "--to", "2026-01-02", "--reason", "a test", "--config", node.ConfigPath, "--lake", node.LakeDirectory);
            Assert.Equal(ExitCode.Failed, part.ExitCode);
            Assert.Contains("--full", part.Messages, StringComparison.Ordinal);
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

    [Theory]
    [InlineData("backfill", "bronze/app/users", "--reason", "a test")]
    [InlineData("backfill", "bronze/app/users", "--full", "--from", "1", "--reason", "a test")]
    [InlineData("backfill", "bronze/app/users", "--to", "1", "--reason", "a test")]
    public async Task What_is_to_be_read_again_has_to_be_said(params string[] args)
    {
        var run = await NodeRun.OfAsync(args);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("--from PLACE", run.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Why_says_that_a_part_is_read_again_and_how_far_that_has_come()
    {
        var (users, split, config) = (TableId.Bronze("app", "users"), new SplitId("app", "users/1"), await RunningNode.ConfigureAsync(_directory, healthy.PostgresOf(HealthySources.UsersTable)));
        var lake = new Delta.Lake(new Delta.Storage.LocalObjectStore(Lake), TimeProvider.System);
        var table = await lake.OpenOrCreateAsync(users, new Apache.Arrow.Schema([BronzeColumns.OpField, BronzeColumns.PositionField], null), [], ImmutableDictionary<string, string>.Empty, Cancel);
        await table.CommitAsync(new Transaction("WRITE", Isolation.BlindAppend) { Moves = [new TxnMove(split, null, 100)], Properties = ImmutableDictionary<string, string?>.Empty.Add(SplitHistory.KeyOf(split), new SplitHistory(0, "a").Write()) }, Cancel);
        await TableTurns.BeginAsync(lake, users, [new SplitPart(split, 10, 20)], isInOrder: false, TimeProvider.System, Cancel);

        var why = await NodeRun.OfAsync("why", "bronze/app/users", "--config", config, "--lake", Lake);

        Assert.Contains("a part of the split is read again: it has come to 10 of 20, and what is new is read behind that, from 100 on", why.Data, StringComparison.Ordinal);
    }

    /// <summary>The node is ended while the part may be read again.</summary>
    private async Task PartAsync(string sources, string source, Func<string, Task> execute, string timestamp)
    {
        var (bronze, behind) = ($"bronze/{source}/parted", Silver($$"""parted { from = bronze/{{source}}/parted, columns { id { type = long }, note { type = string } }, key = [id] }"""));
        await execute($"CREATE TABLE PARTED (ID NUMBER(18,0) NOT NULL, NOTE VARCHAR(20), AT {timestamp} NOT NULL)");
        for (var id = 1; id <= 6; id++) await execute($"INSERT INTO PARTED VALUES ({id}, 'a', TIMESTAMPTZ '2020-01-0{id} 00:00:00+00')");
        await using (var node = await RunningNode.StartAsync(Sub("first"), sources, Lake, behind))
        {
            await node.WaitForRowsAsync("silver/parted", 6);
            await execute("UPDATE PARTED SET NOTE = 'b' WHERE ID IN (2, 3, 5)");
            await execute("INSERT INTO PARTED VALUES (7, 'b', TIMESTAMPTZ '2020-01-03 12:00:00+00')");
            await BackfillAsync(node, bronze, "--from", "2020-01-02", "--to", "2020-01-04 00:00:00Z");
        }

        await using (var node = await RunningNode.StartAsync(Sub("second"), sources, Lake, behind))
        {
            await UntilSilverAsync("1a", "2b", "3b", "4a", "5a", "6a", "7b");
            await execute("INSERT INTO PARTED VALUES (8, 'c', now())");
            await UntilSilverAsync("1a", "2b", "3b", "4a", "5a", "6a", "7b", "8c");
            // None of those behind the part was read a second time.
            await HasRowsAsync(node, bronze, 10);
            var history = await NodeRun.OfAsync("history", bronze, "--lake", Lake);
            Assert.Contains(TableTurns.EndOperation, history.Data, StringComparison.Ordinal);

            var plan = await node.Control.PlanAsync(new ControlCommand(ControlVerb.BackfillPart, ControlTarget.Parse(bronze), "from 2020-01-05 00:00:00Z"), Cancel);
            Assert.IsType<Applied.Recorded>(await node.Control.ApplyAsync(plan.Id, "anna", "all from there", Cancel));
            await UntilSilverAsync("1a", "2b", "3b", "4a", "5b", "6a", "7b", "8c");
            await HasRowsAsync(node, bronze, 13);
            await IsVerifiedAsync(node);
        }

        await execute("DROP TABLE PARTED");

        async Task UntilSilverAsync(params string[] rows) => await UntilRowsAsync("silver/parted", rows);
    }

    /// <summary>Waits until a table has these rows: id and note.</summary>
    private async Task UntilRowsAsync(string table, string[] rows)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            string[] last = [.. (await NodeRun.OfAsync("show", table, "--lake", Lake, "-o", "json")).Rows.Select(row => $"{row!["id"]}{row["note"]}").Order(StringComparer.Ordinal)];
            if (last.SequenceEqual(rows)) return;
            Assert.True(TimeProvider.System.GetElapsedTime(since) < Deadlines.Test, $"{table} has {string.Join(' ', last)}");
            await Task.Delay(100, Cancel);
        }
    }

    private string Lake => Path.Combine(_directory, "lake");

    private string Sub(string name) => Directory.CreateDirectory(Path.Combine(_directory, name)).FullName;

    private static async Task IsVerifiedAsync(RunningNode node)
    {
        var verified = await NodeRun.OfAsync("verify", "--config", node.ConfigPath, "--lake", node.LakeDirectory);
        Assert.True(verified.ExitCode == ExitCode.Done, verified.Data + verified.Messages);
    }

    private static string Silver(string table) => $$"""
        silver { {{table}} }
        transform { interval-min = 100ms, poll-interval = 1s }
        """;

    /// <param name="part">None: all of it.</param>
    private static async Task BackfillAsync(RunningNode node, string table, params string[] part)
    {
        var run = await NodeRun.OfAsync([.. (string[])["backfill", table], .. part.Length == 0 ? ["--full"] : part, "--reason", "a test", "--config", node.ConfigPath, "--lake", node.LakeDirectory]);
        Assert.True(run.ExitCode == ExitCode.Done, run.Data + run.Messages);
        var done = await node.WaitForControlAsync(state => state.Orders is [{ DoneAt: not null }]);
        Assert.Equal((OrderOutcome.Done, null), (done.Orders[0].Outcome, done.Orders[0].Detail));
    }

    private static async Task HasRowsAsync(RunningNode node, string table, long rows) => Assert.Equal(rows, (await node.Lake.TryOpenAsync(TableId.Parse(table), Cancel))!.Current.RowCount);
}
