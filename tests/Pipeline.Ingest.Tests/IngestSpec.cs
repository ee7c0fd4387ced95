using Pipeline.Core;
using Pipeline.Core.Metrics;
using Pipeline.Delta.Parquet;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>From a scripted system to a lake on disk, on a real cluster; DuckDB counts what arrived.</summary>
public sealed class IngestSpec : IDisposable
{
    private static readonly TableId Orders = TableId.Bronze("test", "orders");
    private static readonly TableId Lines = TableId.Bronze("test", "lines");
    private static readonly TableId Dead = TableId.DeadLetter("test");

    private readonly LakeOracle _oracle = new();
    private readonly ScriptedSystem _system = new("test");

    public void Dispose() => _oracle.Dispose();

    [Fact]
    public async Task Every_record_of_many_splits_arrives_once()
    {
        _system.WithTable("orders", workers: 2);
        var splits = Enumerable.Range(0, 8).Select(i => _system.AddSplit($"orders/{i}", "orders")).ToList();
        foreach (var split in splits) _system.AppendRows(split, "orders", 1_000);

        await using var node = await StartAsync();
        await node.UntilAsync(status => Rows(status, Orders) >= 4_000);
        foreach (var split in splits) _system.AppendRows(split, "orders", 250);
        await node.UntilAsync(status => Rows(status, Orders) >= 10_000);

        Assert.Equal(Expected(splits, 1_250), (await _oracle.IdsAsync(Orders)).Order(StringComparer.Ordinal));
        // Acknowledged after it is counted as committed.
        await node.UntilAsync(_ => splits.TrueForAll(split => _system.Acknowledged.GetValueOrDefault(split) == 1_250));
        Assert.DoesNotContain("NULL", await _oracle.ColumnAsync(Orders, "_ingested_at"));
    }

    [Fact]
    public async Task Files_are_compressed_as_is_said_of_their_table()
    {
        _system.WithTable("orders");
        _system.WithTable("lines");
        foreach (var name in (string[])["orders", "lines"]) _system.AppendRows(_system.AddSplit($"{name}/0", name), name, 100);
        var said = FileCompressions.None.ByName.Add("bronze/test", new FileCompression(Codec.Zstd, 9)).Add("bronze/test/lines", Codec.Snappy);

        await using var node = await StartAsync(IngestNode.Fast with { Compression = Codec.Snappy, Compressions = new FileCompressions(said) });
        await node.UntilAsync(status => Rows(status, Orders) >= 100 && Rows(status, Lines) >= 100);

        foreach (var (table, codec) in (IEnumerable<(TableId, string)>)[(Orders, "zstd"), (Lines, "snappy")])
            Assert.All((await _oracle.Lake.TryOpenAsync(table, TestContext.Current.CancellationToken))!.Current.Files, file => Assert.EndsWith($".c000.{codec}.parquet", file.Path, StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_was_made_anew_under_the_same_name_is_read_from_its_beginning_in_the_next_epoch_dead_letters_too()
    {
        _system.WithTable("orders");
        var split = _system.AddSplit("orders/0", "orders");
        _system.Identity = "a";
        _system.BeginAt(split, 0);
        _system.AppendRows(split, "orders", 3);
        _system.Append(split, new ScriptedRecord("orders", "dead a", IsDead: true));
        await using var node = await StartAsync();
        await UntilPositionAsync(Orders, [split], 4);

        _system.MakeAnew("b");
        _system.AppendRows(split, "orders", 1);
        _system.Append(split, new ScriptedRecord("orders", "dead b", IsDead: true));
        while ((await _oracle.Lake.TryOpenAsync(Orders, TestContext.Current.CancellationToken))!.Current.Position("test/orders/0#1") != 2)
            await Task.Delay(20, TestContext.Current.CancellationToken);

        var snapshot = (await _oracle.Lake.TryOpenAsync(Orders, TestContext.Current.CancellationToken))!.Current;
        Assert.Equal(new SplitHistory(1, "b"), snapshot.Histories.Find(split));
        Assert.Equal((4, 2), (snapshot.Position("test/orders/0"), snapshot.Position("test/orders/0#1")));
        Assert.Equal(["0:0", "0:1", "1:0", "2:0"], (await _oracle.ColumnAsync(Orders, "_position || ':' || coalesce(_epoch, 0)")).Order(StringComparer.Ordinal));
        Assert.Equal(["1:1", "3:0"], (await _oracle.ColumnAsync(Dead, "_position || ':' || coalesce(_epoch, 0)")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_source_that_is_behind_halts_the_split_until_a_decision_which_no_restart_forgets_and_is_read_again_in_a_new_epoch()
    {
        var cancel = TestContext.Current.CancellationToken;
        _system.WithTable("orders");
        var (behind, other) = (_system.AddSplit("orders/0", "orders"), _system.AddSplit("orders/1", "orders"));
        _system.Identity = "a";
        foreach (var split in new[] { behind, other }) _system.AppendRows(split, "orders", 5);
        await using (var node = await StartAsync())
        {
            await UntilPositionAsync(Orders, [behind, other], 5);
            await node.KillAsync();
        }

        // From position 3 on there are other records now: after a restart it halts, and goes on being halted when all looks well again.
        _system.Standings[behind] = new PipelineException(FaultKind.Gap, "Partition 0", "others stand there", "Accept it.") { Split = behind, ReadAgainFrom = 3 };
        await using (var node = await StartAsync())
        {
            await UntilAsync(async () => SplitHalt.Of((await _oracle.Lake.TryOpenAsync(Orders, cancel))!.Current.Metadata.Configuration).ContainsKey(behind));
            await node.KillAsync();
        }

        _system.Standings.Clear();
        _system.AppendRows(behind, "orders", 1);
        _system.AppendRows(other, "orders", 1);
        await using var last = await StartAsync();
        await UntilPositionAsync(Orders, [other], 6);
        var halted = await last.UntilAsync(status => status.Tables.Any(table => table.State == IngestState.Halted));
        Assert.Contains(halted.Tables, table => table.LastFault is { Cause: "others stand there" });
        await using var source = _system.Open();
        var gaps = await GapAcceptance.FindAsync(_oracle.Lake, source, Orders, cancel);
        await GapAcceptance.AcceptAsync(_oracle.Lake, Orders, gaps, TimeProvider.System, cancel);
        await UntilPositionAsync(Orders, [behind, other], 6);

        Assert.Equal(new SplitGap(behind, new PositionRange(3, 5), IsBehind: true), Assert.Single(gaps));
        var snapshot = (await _oracle.Lake.TryOpenAsync(Orders, cancel))!.Current;
        Assert.Equal((1, 1), (snapshot.Histories.EpochOf(behind), snapshot.Histories.EpochOf(other)));
        Assert.Empty(SplitHalt.Of(snapshot.Metadata.Configuration));
        Assert.Equal(["orders/0:0:0", "orders/0:1:0", "orders/0:2:0", "orders/0:3:0", "orders/0:3:1", "orders/0:4:0", "orders/0:4:1", "orders/0:5:1",
            "orders/1:0:0", "orders/1:1:0", "orders/1:2:0", "orders/1:3:0", "orders/1:4:0", "orders/1:5:0"],
            (await _oracle.ColumnAsync(Orders, "id || ':' || coalesce(_epoch, 0)")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_the_source_does_not_confirm_is_not_committed()
    {
        _system.WithTable("orders");
        var split = _system.AddSplit("orders/0", "orders");
        _system.Unconfirmed = new PipelineException(FaultKind.Unreachable, "Topic orders", "it was made anew", "Wait.");
        _system.AppendRows(split, "orders", 5);
        await using var node = await StartAsync();

        await node.UntilAsync(status => status.Tables.Any(table => table.LastFault is { Cause: "it was made anew" }));
        Assert.Empty(await _oracle.IdsAsync(Orders));
        _system.Unconfirmed = null;
        await UntilPositionAsync(Orders, [split], 5);

        Assert.Equal(5, (await _oracle.IdsAsync(Orders)).Count);
    }

    [Fact]
    public async Task After_a_crash_in_the_middle_every_record_has_arrived_once()
    {
        _system.WithTable("orders");
        var splits = Enumerable.Range(0, 3).Select(i => _system.AddSplit($"orders/{i}", "orders")).ToList();

        for (var round = 1; round <= 4; round++)
        {
            foreach (var split in splits) _system.AppendRows(split, "orders", 2_000);
            await using var node = await StartAsync();
            await node.UntilAsync(status => Rows(status, Orders) > 0);
            await node.KillAsync();
        }

        await using var last = await StartAsync();
        await UntilPositionAsync(Orders, splits, 8_000);
        Assert.Equal(Expected(splits, 8_000), (await _oracle.IdsAsync(Orders)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Rows_that_belong_together_are_committed_together_in_as_many_files_as_they_need()
    {
        _system.WithTable("orders");
        var split = _system.AddSplit("orders/0", "orders");
        var wide = new string('x', 2_000);
        _system.Append(split, Enumerable.Range(0, 2_999).Select(i => new ScriptedRecord("orders", $"{wide}{i}", EndsGroup: false)));

        await using var node = await StartAsync(IngestNode.Fast with { FileBytesMax = 64 << 10, RowGroupBytesMax = 64 << 10 });
        await node.UntilAsync(status => status.Tables.Any(table => table.State == IngestState.Running));
        Assert.Empty(await _oracle.IdsAsync(Orders));
        _system.Append(split, new ScriptedRecord("orders", $"{wide}2999"));
        await UntilPositionAsync(Orders, [split], 3_000);

        Assert.Equal(3_000, (await _oracle.IdsAsync(Orders)).Distinct(StringComparer.Ordinal).Count());
        Assert.True((await _oracle.FilesAsync(Orders)).Count > 1);
        Assert.Equal(1, (await _oracle.Lake.TryOpenAsync(Orders, TestContext.Current.CancellationToken))!.Current.Version);
    }

    [Fact]
    public async Task Dead_letters_arrive_once_beside_the_rows_also_when_a_crash_comes_between()
    {
        _system.WithTable("orders");
        var split = _system.AddSplit("orders/0", "orders");
        using var figures = new Measurements("table", Orders.ToString());
        for (var round = 0; round < 4; round++)
        {
            var start = round * 500;
            _system.Append(split, Enumerable.Range(start, 500).Select(i => new ScriptedRecord("orders", $"orders/0:{i}", IsDead: i % 7 == 0)));
            await using var node = await StartAsync();
            await node.UntilAsync(status => status.Tables.Any(table => table.DeadLetters > 0));
            await node.KillAsync();
        }

        await using var last = await StartAsync();
        await UntilPositionAsync(Orders, [split], 2_000);

        var rows = await _oracle.IdsAsync(Orders);
        var dead = await _oracle.ColumnAsync(Dead, "decode(value)");
        Assert.Equal(Expected([split], 2_000), rows.Concat(dead).Order(StringComparer.Ordinal));
        Assert.Equal(286, dead.Count);
        Assert.True(figures.Sum(Instruments.DeadLetters) >= 286);
        Assert.Contains("orders", await _oracle.ColumnAsync(Dead, "_table"));
    }

    [Fact]
    public async Task A_record_that_is_decoded_otherwise_when_it_is_read_again_arrives_once_all_the_same()
    {
        _system.WithTable("orders");
        var split = _system.AddSplit("orders/0", "orders");
        for (var round = 0; round < 4; round++)
        {
            var (start, remainder) = (round * 500, round);
            _system.IsDead = record => int.Parse(record.Id.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture) % 4 == remainder;
            _system.Append(split, Enumerable.Range(start, 500).Select(i => new ScriptedRecord("orders", $"orders/0:{i}")));
            await using var node = await StartAsync();
            await node.UntilAsync(status => status.Tables.Any(table => table.DeadLetters > 0));
            await node.KillAsync();
        }

        await using var last = await StartAsync();
        await UntilPositionAsync(Orders, [split], 2_000);

        var (rows, dead) = (await _oracle.IdsAsync(Orders), await _oracle.ColumnAsync(Dead, "decode(value)"));
        Assert.Equal(Expected([split], 2_000), rows.Concat(dead).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_split_that_feeds_two_tables_brings_each_its_rows_once_over_restarts()
    {
        _system.WithTable("orders").WithTable("lines");
        var slot = _system.AddSplit("slot", "orders", "lines");
        for (var round = 0; round < 3; round++)
        {
            // Transactions of three rows, two of them in the other table.
            _system.Append(slot, Enumerable.Range(round * 300, 300).Select(i =>
                new ScriptedRecord(i % 3 == 0 ? "orders" : "lines", $"slot:{i}", EndsGroup: i % 3 == 2)));
            await using var node = await StartAsync();
            await node.UntilAsync(status => Rows(status, Orders) > 0 && Rows(status, Lines) > 0);
            await node.KillAsync();
        }

        await using var last = await StartAsync();
        await UntilPositionAsync(Lines, [slot], 900);
        await UntilPositionAsync(Orders, [slot], 900);

        var (orders, lines) = (await _oracle.IdsAsync(Orders), await _oracle.IdsAsync(Lines));
        Assert.Equal((300, 600), (orders.Count, lines.Count));
        Assert.Equal(Expected([slot], 900), orders.Concat(lines).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Where_a_split_begins_is_in_each_of_its_tables_before_anything_is_read()
    {
        _system.WithTable("lines").WithTable("orders");
        var slot = _system.AddSplit("slot", "lines", "orders");
        _system.AppendRows(slot, "orders", 10);
        _system.BeginAt(slot, 4);
        _system.Faults[slot] = split => new PipelineException(FaultKind.Unreachable, split.ToString(), "it does not answer", "Wait.");

        await using var node = await StartAsync();
        await UntilPositionAsync(Lines, [slot], 4);
        await UntilPositionAsync(Orders, [slot], 4);
        // Where it begins now is no news to a table that holds a position.
        _system.BeginAt(slot, 9);
        _system.Faults.Clear();
        await UntilPositionAsync(Orders, [slot], 10);

        Assert.Equal(Enumerable.Range(4, 6).Select(index => $"slot:{index}"), (await _oracle.IdsAsync(Orders)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_poisoned_table_halts_alone_and_goes_on_when_resumed()
    {
        _system.WithTable("orders").WithTable("lines");
        var (orders, lines) = (_system.AddSplit("orders/0", "orders"), _system.AddSplit("lines/0", "lines"));
        _system.AppendRows(orders, "orders", 100);
        _system.AppendRows(lines, "lines", 100);
        _system.Faults[lines] = _ => new PipelineException(FaultKind.NotAuthorised, "System test, table lines", "access denied", "Grant it.");

        await using var node = await StartAsync();
        var status = await node.UntilAsync(status => Rows(status, Orders) == 100 && State(status, Lines) == IngestState.Halted);
        Assert.Equal(FaultKind.NotAuthorised, status.Tables.Single(table => table.Table == Lines).LastFault!.Kind);
        _system.AppendRows(orders, "orders", 50);
        await node.UntilAsync(status => Rows(status, Orders) == 150);
        _system.Faults.Clear();
        node.Monitor.Tell(new ResumeIngest(Lines), Akka.Actor.ActorRefs.NoSender);
        await node.UntilAsync(status => Rows(status, Lines) == 100 && State(status, Lines) == IngestState.Running);

        Assert.Equal(Expected([lines], 100), (await _oracle.IdsAsync(Lines)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_table_that_is_halted_beside_others_of_its_split_rests_like_them()
    {
        _system.WithTable("orders").WithTable("lines");
        var slot = _system.AddSplit("slot", "orders", "lines");
        _system.AppendRows(slot, "orders", 10);
        _system.Undescribed["lines"] = new PipelineException(FaultKind.Invalid, "System test, table lines", "it has no key", "Give it one.");

        await using var node = await StartAsync();
        await node.UntilAsync(status => Rows(status, Orders) == 10 && State(status, Lines) == IngestState.Halted);
        node.Monitor.Tell(new PauseIngest(Table: null), Akka.Actor.ActorRefs.NoSender);
        var rests = await node.UntilAsync(status => State(status, Orders) == IngestState.Paused && State(status, Lines) == IngestState.Paused);
        node.Monitor.Tell(new ResumeIngest(Table: null), Akka.Actor.ActorRefs.NoSender);
        await node.UntilAsync(status => State(status, Orders) == IngestState.Running && State(status, Lines) == IngestState.Halted);

        Assert.Equal("it has no key", rests.Tables.Single(table => table.Table == Lines).LastFault!.Cause);
    }

    [Fact]
    public async Task A_right_that_is_given_back_is_used_without_a_word()
    {
        _system.WithTable("orders");
        var split = _system.AddSplit("orders/0", "orders");
        _system.AppendRows(split, "orders", 100);
        var reads = 0;
        _system.Faults[split] = _ => ++reads <= 3 ? new PipelineException(FaultKind.NotAuthorised, "System test, table orders", "access denied", "Grant it.") : null;

        await using var node = await StartAsync(IngestNode.Fast with { HaltRetry = new RetryPolicy { BackoffMin = TimeSpan.FromMilliseconds(100) } });
        await node.UntilAsync(status => Rows(status, Orders) == 100 && State(status, Orders) == IngestState.Running);

        Assert.Equal(Expected([split], 100), (await _oracle.IdsAsync(Orders)).Order(StringComparer.Ordinal));
        Assert.True(reads > 3);
    }

    [Fact]
    public async Task An_outage_is_retried_and_loses_nothing()
    {
        _system.WithTable("orders");
        var split = _system.AddSplit("orders/0", "orders");
        _system.AppendRows(split, "orders", 5_000);
        var reads = 0;
        _system.Faults[split] = _ => ++reads % 10 == 0 && reads < 200
            ? new PipelineException(FaultKind.Unreachable, "System test", "does not answer", "Wait.")
            : null;

        await using var node = await StartAsync();
        await UntilPositionAsync(Orders, [split], 5_000);

        Assert.Equal(Expected([split], 5_000), (await _oracle.IdsAsync(Orders)).Order(StringComparer.Ordinal));
        Assert.True(reads >= 50);
    }

    [Fact]
    public async Task Shutting_down_commits_what_is_open()
    {
        _system.WithTable("orders");
        var split = _system.AddSplit("orders/0", "orders");
        await using var node = await StartAsync(IngestNode.Fast with { FileAgeMax = TimeSpan.FromMinutes(10), PositionAgeMax = TimeSpan.FromMinutes(10) });
        await node.UntilAsync(status => State(status, Orders) == IngestState.Running);
        _system.AppendRows(split, "orders", 300);
        await node.UntilAsync(_ => _system.Delivered.GetValueOrDefault(split) == 300);
        Assert.Empty(await _oracle.IdsAsync(Orders));

        await node.ShutDownAsync();

        Assert.Equal(300, await _oracle.PositionAsync(Orders, split));
        Assert.Equal(Expected([split], 300), (await _oracle.IdsAsync(Orders)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task New_splits_are_found_and_read_from_their_beginning()
    {
        _system.WithTable("orders", workers: 2);
        var first = _system.AddSplit("orders/0", "orders");
        _system.AppendRows(first, "orders", 100);
        await using var node = await StartAsync();
        await node.UntilAsync(status => Rows(status, Orders) == 100);

        var second = _system.AddSplit("orders/1", "orders");
        _system.AppendRows(second, "orders", 70);
        var third = _system.AddSplit("orders/2", "orders");
        _system.AppendRows(third, "orders", 30);
        await UntilPositionAsync(Orders, [second], 70);
        await UntilPositionAsync(Orders, [third], 30);

        Assert.Equal(200, (await _oracle.IdsAsync(Orders)).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task Two_clusters_on_the_same_split_do_no_harm_but_refuse_each_other()
    {
        _system.WithTable("orders");
        var split = _system.AddSplit("orders/0", "orders");
        using var figures = new Measurements("table", Orders.ToString());
        await using var one = await StartAsync();
        await using var two = await StartAsync();

        for (var i = 0; i < 40; i++)
        {
            _system.AppendRows(split, "orders", 200);
            await UntilPositionAsync(Orders, [split], (i + 1) * 200);
        }

        Assert.Equal(Expected([split], 8_000), (await _oracle.IdsAsync(Orders)).Order(StringComparer.Ordinal));
        Assert.True(figures.Sum(Instruments.Refusals) > 0);
    }

    [Fact]
    public async Task A_new_column_of_the_source_becomes_a_column_of_the_table()
    {
        _system.WithTable("orders");
        var split = _system.AddSplit("orders/0", "orders");
        _system.AppendRows(split, "orders", 10);
        await using (var node = await StartAsync())
        {
            await node.UntilAsync(status => Rows(status, Orders) == 10);
            await node.ShutDownAsync();
        }

        _system.HasExtraColumn = true;
        _system.AppendRows(split, "orders", 10);
        await using var again = await StartAsync();
        await UntilPositionAsync(Orders, [split], 20);

        Assert.Equal(10, (await _oracle.ColumnAsync(Orders, "extra")).Count(value => value != "NULL"));
        Assert.Contains("extra", (await _oracle.Lake.TryOpenAsync(Orders, TestContext.Current.CancellationToken))!.Current.Schema.FieldsList.Select(field => field.Name));
    }

    [Fact]
    public async Task Small_files_are_put_together_while_records_keep_coming()
    {
        _system.WithTable("orders");
        var split = _system.AddSplit("orders/0", "orders");
        await using var node = await StartAsync(IngestNode.Fast with { FileAgeMax = TimeSpan.FromMilliseconds(20), CompactInterval = TimeSpan.FromMilliseconds(200), CompactFilesMin = 3 });

        for (var round = 1; round <= 20; round++)
        {
            _system.AppendRows(split, "orders", 10);
            await UntilPositionAsync(Orders, [split], round * 10);
        }

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        while ((await _oracle.FilesAsync(Orders)).Count > 3) await Task.Delay(50, deadline.Token);
        Assert.Equal(Expected([split], 200), (await _oracle.IdsAsync(Orders)).Order(StringComparer.Ordinal));
        Assert.True(_oracle.FilesOnDisk(Orders) >= 20);
    }

    [Fact]
    public async Task Another_node_takes_over_when_one_leaves()
    {
        _system.WithTable("orders", workers: 4);
        var splits = Enumerable.Range(0, 4).Select(i => _system.AddSplit($"orders/{i}", "orders")).ToList();
        await using var first = await StartAsync();
        foreach (var split in splits) _system.AppendRows(split, "orders", 100);
        await UntilPositionAsync(Orders, splits, 100);
        await using var second = await IngestNode.StartAsync(_oracle.Lake, [_system.Open()], seed: first.Address);

        await first.ShutDownAsync();
        foreach (var split in splits) _system.AppendRows(split, "orders", 100);
        await UntilPositionAsync(Orders, splits, 200);

        Assert.Equal(Expected(splits, 200), (await _oracle.IdsAsync(Orders)).Order(StringComparer.Ordinal));
    }

    private Task<IngestNode> StartAsync(IngestOptions? options = null) => IngestNode.StartAsync(_oracle.Lake, [_system.Open()], options);

    private static async Task UntilAsync(Func<Task<bool>> isReached)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        while (!await isReached()) await Task.Delay(20, deadline.Token);
    }

    private async Task UntilPositionAsync(TableId table, IReadOnlyList<SplitId> splits, long position)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        while (true)
        {
            var delta = await _oracle.Lake.TryOpenAsync(table, deadline.Token);
            if (splits.All(split => delta?.Current.Position(split) >= position)) return;
            await Task.Delay(20, deadline.Token);
        }
    }

    private static IEnumerable<string> Expected(IEnumerable<SplitId> splits, int count) =>
        splits.SelectMany(split => Enumerable.Range(0, count).Select(i => $"{split.Name}:{i}")).Order(StringComparer.Ordinal);

    private static long Rows(IngestStatus status, TableId table) => status.Tables.FirstOrDefault(entry => entry.Table == table)?.Rows ?? 0;

    private static IngestState? State(IngestStatus status, TableId table) => status.Tables.FirstOrDefault(entry => entry.Table == table)?.State;
}
