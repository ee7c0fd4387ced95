using Pipeline.Core;
using Pipeline.Core.Metrics;
using Xunit;

namespace Pipeline.Testing;

/// <summary>
/// What every source keeps, whatever system it reads. A source's test project derives from it once for each of its ways
/// of reading (watermark, change capture, ...).
/// </summary>
public abstract class SourceContract
{
    /// <summary>Within which a source that is told to stop has stopped, on a loaded machine too.</summary>
    private static readonly TimeSpan Promptly = TimeSpan.FromMinutes(2);

    /// <summary>How long anything may take before the test gives up.</summary>
    protected virtual TimeSpan Deadline => Deadlines.Test;

    /// <summary>Rows for tests that want several chunks of a split.</summary>
    protected virtual int ManyRows => 2_000;

    /// <summary>A system with an empty table; skips the test (<c>Assert.Skip</c>) where it cannot be had.</summary>
    protected abstract ValueTask<SourceFixture> StartAsync(CancellationToken cancellationToken);

    [Fact]
    public async Task Reads_every_row_once_from_the_beginning_in_contiguous_chunks()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await fixture.AppendAsync(ManyRows, deadline.Token);
        await using var source = fixture.Open();
        var ledger = new SourceLedger(fixture);

        await ReadAsync(fixture, source, ledger, ManyRows, deadline.Token);

        Assert.Equal(Numbers(0, ManyRows), ledger.Rows.Order());
        Assert.Equal(0, ledger.PendingRows);
    }

    [Fact]
    public async Task Resumes_exactly_at_any_position_it_reached()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await fixture.AppendAsync(ManyRows / 2, deadline.Token);
        var first = new SourceLedger(fixture);
        await using (var source = fixture.Open())
            await ReadAsync(fixture, source, first, ManyRows / 2, deadline.Token);
        await fixture.AppendAsync(ManyRows - ManyRows / 2, deadline.Token);

        foreach (var cut in Spread(first.Cuts, atMost: 6))
        {
            await using var source = fixture.Open();
            var splits = await source.ListSplitsAsync(fixture.Table, deadline.Token);
            var second = new SourceLedger(fixture);

            await ReadAsync(source, second, SourceLedger.At(splits, cut.Positions), ManyRows - cut.Rows.Count, deadline.Token);

            Assert.Equal(Numbers(0, ManyRows), cut.Rows.Concat(second.Rows).Order());
        }
    }

    [Fact]
    public async Task Is_where_it_was_left_and_its_splits_are_of_one_history()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await fixture.AppendAsync(20, deadline.Token);
        var ledger = new SourceLedger(fixture);
        await using (var source = fixture.Open())
            await ReadAsync(fixture, source, ledger, 20, deadline.Token);
        await using var again = fixture.Open();
        var splits = await again.ListSplitsAsync(fixture.Table, deadline.Token);
        var left = ledger.ResumeAt(splits);

        var standings = await again.LookBackAsync(left, deadline.Token);
        await again.ConfirmAsync(splits, deadline.Token);

        Assert.Equal(left.Select(split => split.Split), standings.Select(standing => standing.Split));
        Assert.All(standings, standing => Assert.Null(standing.Fault));
        Assert.Single(splits.Select(split => split.Identity).Distinct(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Another_table_behind_the_name_is_another_history_with_rows_of_its_own()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await fixture.AppendAsync(20, deadline.Token);
        IReadOnlyList<Split> before;
        await using (var source = fixture.OpenOfHistory())
        {
            before = await source.ListSplitsAsync(fixture.Table, deadline.Token);
            Assert.Equal(Identities(before), Identities(await source.ListSplitsAsync(fixture.Table, deadline.Token)));
        }

        await fixture.ReplaceAsync(deadline.Token);
        await fixture.AppendAsync(5, deadline.Token);

        await using var again = fixture.OpenOfHistory();
        var after = await again.ListSplitsAsync(fixture.Table, deadline.Token);
        Assert.Empty(Identities(after).Intersect(Identities(before)));
        await again.DescribeAsync(fixture.Table, deadline.Token);
        var numbers = new HashSet<long>();
        await foreach (var chunk in again.ReadAsync(SourceLedger.At(after, new Dictionary<SplitId, long>()), deadline.Token))
            using (chunk)
            {
                for (var row = 0; row < chunk.RowCount; row++) numbers.Add(fixture.NumberOf(chunk.Rows!, row));
                if (numbers.Count >= 5) break;
            }

        Assert.Equal(Numbers(20, 25), numbers.Order());
    }

    /// <summary>Where names stay, what has the name is made anew twice.</summary>
    /// <param name="isSeen">Whether somebody looks while another has the name.</param>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_table_whose_name_went_there_and_back_is_read_with_all_of_its_rows_and_none_of_the_others(bool isSeen)
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await fixture.AppendAsync(20, deadline.Token);
        var first = await ReadHistoryAsync(left: null, 20);
        Assert.Equal(Numbers(0, 20), first.Rows.Order());

        var isSwapped = await fixture.SwapAsync(deadline.Token);
        if (!isSwapped) await fixture.ReplaceAsync(deadline.Token);
        await fixture.AppendAsync(5, deadline.Token);
        var between = isSeen ? await ReadHistoryAsync(first, 5) : first;
        if (!await fixture.SwapAsync(deadline.Token)) await fixture.ReplaceAsync(deadline.Token);
        await fixture.AppendAsync(5, deadline.Token);
        var last = await ReadHistoryAsync(between, isSwapped ? 25 : 5);

        if (isSeen) Assert.Equal(Numbers(20, 25), between.Rows.Order());
        // One that comes back is the table that it was; one that was made anew never is.
        Assert.Equal(isSwapped, first.Identity == last.Identity);
        Assert.Equal(isSwapped ? Numbers(0, 20).Concat(Numbers(25, 30)) : Numbers(25, 30), last.Rows.Order());

        async Task<(string Identity, IReadOnlyDictionary<SplitId, long> Positions, IReadOnlySet<long> Rows)> ReadHistoryAsync((string Identity, IReadOnlyDictionary<SplitId, long> Positions, IReadOnlySet<long> Rows)? left, int count)
        {
            await using var source = fixture.OpenOfHistory();
            var splits = await source.ListSplitsAsync(fixture.Table, deadline.Token);
            var identity = splits.Select(split => split.For(fixture.Table).Identity!).Distinct(StringComparer.Ordinal).Single();
            await source.DescribeAsync(fixture.Table, deadline.Token);
            // As a lake does: one history goes on, and another one has an epoch of its own.
            var isOn = left?.Identity == identity;
            var (positions, rows) = (isOn ? new Dictionary<SplitId, long>(left!.Value.Positions) : [], isOn ? left!.Value.Rows.ToHashSet() : []);
            var pending = new Dictionary<SplitId, List<long>>();
            if (rows.Count < count)
            {
                await foreach (var chunk in source.ReadAsync(SourceLedger.At(splits, positions), deadline.Token))
                    using (chunk)
                    {
                        if (!pending.TryGetValue(chunk.Split, out var waiting)) pending[chunk.Split] = waiting = [];
                        for (var row = 0; row < chunk.RowCount; row++) waiting.Add(fixture.NumberOf(chunk.Rows!, row));
                        if (!chunk.Range.IsAdvancing) continue;
                        await source.ConfirmAsync(splits, deadline.Token);
                        rows.UnionWith(waiting);
                        waiting.Clear();
                        positions[chunk.Split] = chunk.Range.To;
                        if (rows.Count >= count) break;
                    }
            }

            return (identity, positions, rows);
        }
    }

    [Fact]
    public async Task Where_a_source_is_behind_what_was_read_it_says_so_or_what_comes_next_is_read()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await fixture.AppendAsync(20, deadline.Token);
        var ledger = new SourceLedger(fixture);
        await using (var source = fixture.Open()) await ReadAsync(fixture, source, ledger, 20, deadline.Token);
        await using var again = fixture.Open();
        var splits = await again.ListSplitsAsync(fixture.Table, deadline.Token);
        await again.DescribeAsync(fixture.Table, deadline.Token);
        // Further than the system has come: an hour, so many numbers, records or bytes.
        var ahead = ledger.ResumeAt(splits).Select(split => split.Position is { } position ? split with { Position = position + 3_600_000_000 } : split).ToList();

        var standings = await again.LookBackAsync(ahead, deadline.Token);

        var told = standings.Zip(ahead).Where(pair => pair.Second.Position is not null).Select(pair => pair.First.Fault ?? pair.First.Doubt).ToList();
        if (told.TrueForAll(fault => fault is not null))
        {
            Assert.All(told, fault => Assert.Equal((FaultKind.Gap, true), (fault!.Kind, fault.ReadAgainFrom is not null)));
            Assert.All(told, fault => Assert.False(string.IsNullOrWhiteSpace(fault!.NextStep)));
            return;
        }

        Assert.All(told, Assert.Null);
        await fixture.AppendAsync(5, deadline.Token);
        var come = new HashSet<long>();
        await foreach (var chunk in again.ReadAsync(ahead, deadline.Token))
            using (chunk)
            {
                for (var row = 0; row < chunk.RowCount; row++) come.Add(fixture.NumberOf(chunk.Rows!, row));
                if (come.IsSupersetOf(Numbers(20, 25))) break;
            }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_column_that_the_table_is_given_comes_with_the_rows_that_have_it(bool isReadMeanwhile)
    {
        const string Column = "extra";
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await fixture.AppendAsync(10, deadline.Token);
        var positions = new Dictionary<SplitId, long>();
        var values = new SortedDictionary<long, string?>();
        await using (var source = fixture.Open())
        {
            var isGiven = false;
            while (values.Count < (isReadMeanwhile ? 15 : 10)) await ReadOnAsync(source, values.Count < 10 ? 10 : 15);

            async Task ReadOnAsync(ISource from, int rows)
            {
                await from.DescribeAsync(fixture.Table, deadline.Token);
                try
                {
                    await foreach (var chunk in from.ReadAsync(SourceLedger.At(await from.ListSplitsAsync(fixture.Table, deadline.Token), positions), deadline.Token))
                    {
                        using (chunk) Take(chunk);
                        if (values.Count < rows) continue;
                        if (!isReadMeanwhile || isGiven) break;
                        isGiven = true;
                        rows = 15;
                        await GiveAsync();
                    }
                }
                catch (PipelineException changed) when (isGiven && changed.Kind.IsTriedAgain())
                {
                    // Described again, it is read on.
                }
            }
        }

        if (!isReadMeanwhile) await GiveAsync();
        await using (var source = fixture.Open())
        {
            var schema = await source.DescribeAsync(fixture.Table, deadline.Token);
            Assert.Contains(schema.FieldsList, field => field.Name == Column);
            if (values.Count < 15)
                await foreach (var chunk in source.ReadAsync(SourceLedger.At(await source.ListSplitsAsync(fixture.Table, deadline.Token), positions), deadline.Token))
                {
                    using (chunk) Take(chunk);
                    if (values.Count >= 15) break;
                }
        }

        Assert.Equal([.. Numbers(0, 10).Select(number => (number, (string?)null)), .. Numbers(10, 15).Select(number => (number, (string?)$"{number}"))], values.Select(value => (value.Key, value.Value)));

        async Task GiveAsync()
        {
            Assert.SkipUnless(await fixture.AddColumnAsync(Column, deadline.Token), "Rows of this system have no columns of their own.");
            await fixture.AppendAsync(5, deadline.Token);
        }

        void Take(Chunk chunk)
        {
            for (var row = 0; row < chunk.RowCount; row++)
                values[fixture.NumberOf(chunk.Rows!, row)] = chunk.Rows!.Schema.GetFieldIndex(Column) is var at and >= 0 ? ((Apache.Arrow.StringArray)chunk.Rows.Column(at)).GetString(row) : null;
            if (chunk.Range.IsAdvancing) positions[chunk.Split] = chunk.Range.To;
        }
    }

    [Fact]
    public async Task A_system_is_left_as_it_was_found()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await RemoveAsync(fixture, deadline.Token);
        var before = await fixture.StateAsync(deadline.Token);
        await using (var missing = fixture.OpenWithMissingTable())
        {
            await missing.CheckAsync(deadline.Token);
            await Assert.ThrowsAsync<PipelineException>(() => FirstChunkAsync(missing, deadline.Token));
        }

        await using (var source = fixture.Open())
        {
            await source.CheckAsync(deadline.Token);
            var splits = await source.ListSplitsAsync(fixture.Table, deadline.Token);
            await fixture.AppendAsync(20, deadline.Token);
            var ledger = new SourceLedger(fixture);
            await ReadAsync(source, ledger, ledger.ResumeAt(splits), 20, deadline.Token);
            foreach (var (split, position) in ledger.ResumeAt(splits))
                if (position is { } reached) await source.AcknowledgeAsync(split, reached, deadline.Token);
        }

        await RemoveAsync(fixture, deadline.Token);

        Assert.Equal(before, await fixture.StateAsync(deadline.Token));
    }

    /// <summary>Gives back what reading needs in its system, where it needs anything.</summary>
    private static async Task RemoveAsync(SourceFixture fixture, CancellationToken cancellationToken)
    {
        await using var opened = fixture.Open();
        if (opened is not IRemovableSource source) return;
        while (true)
        {
            try
            {
                await source.RemoveTracesAsync(cancellationToken);
                return;
            }
            catch (PipelineException)
            {
                // A reader that has left a moment ago is noticed a moment later.
                await Task.Delay(20, cancellationToken);
            }
        }
    }

    private static IEnumerable<string> Identities(IEnumerable<Split> splits)
    {
        var identities = splits.Select(split => split.Identity).Distinct(StringComparer.Ordinal).ToList();
        Assert.All(identities, Assert.NotNull);
        return identities!;
    }

    [Fact]
    public async Task Delivers_rows_that_are_added_while_it_waits()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await fixture.AppendAsync(10, deadline.Token);
        await using var source = fixture.Open();
        var splits = await source.ListSplitsAsync(fixture.Table, deadline.Token);
        var ledger = new SourceLedger(fixture);
        await using var chunks = source.ReadAsync(ledger.ResumeAt(splits), deadline.Token).GetAsyncEnumerator(deadline.Token);

        await TakeAsync(chunks, ledger, 10);
        await fixture.AppendAsync(5, deadline.Token);
        await TakeAsync(chunks, ledger, 15);
        await fixture.AppendAsync(1, deadline.Token);
        await TakeAsync(chunks, ledger, 16);

        Assert.Equal(Numbers(0, 16), ledger.Rows.Order());
    }

    [Fact]
    public async Task An_empty_table_has_splits_and_waits_for_its_first_row()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await using var source = fixture.Open();
        var splits = await source.ListSplitsAsync(fixture.Table, deadline.Token);
        Assert.NotEmpty(splits);
        var ledger = new SourceLedger(fixture);
        await using var chunks = source.ReadAsync(ledger.ResumeAt(splits), deadline.Token).GetAsyncEnumerator(deadline.Token);
        var next = TakeAsync(chunks, ledger, 1);

        await fixture.AppendAsync(1, deadline.Token);
        await next;

        Assert.Equal(Numbers(0, 1), ledger.Rows);
    }

    [Fact]
    public async Task Chunks_have_the_described_schema()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await fixture.AppendAsync(20, deadline.Token);
        await using var source = fixture.Open();

        var described = await source.DescribeAsync(fixture.Table, deadline.Token);

        Assert.Equal([BronzeColumns.Op, BronzeColumns.Position], described.FieldsList.TakeLast(2).Select(field => field.Name));
        var rows = 0;
        await foreach (var chunk in source.ReadAsync(await BeginningAsync(fixture, source, deadline.Token), deadline.Token))
        {
            using (chunk)
            {
                if (chunk.Rows is null) continue;
                Assert.Equal(Describe(described), Describe(chunk.Rows.Schema));
                for (var i = 0; i < chunk.Rows.ColumnCount; i++)
                {
                    Assert.Equal(chunk.Rows.Length, chunk.Rows.Column(i).Length);
                    if (!described.FieldsList[i].IsNullable) Assert.Equal(0, chunk.Rows.Column(i).NullCount);
                }

                if ((rows += chunk.RowCount) >= 20) break;
            }
        }
    }

    [Fact]
    public async Task Splits_are_the_same_for_every_opening()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await using var source = fixture.Open();
        await using var again = fixture.Open();

        var splits = await source.ListSplitsAsync(fixture.Table, deadline.Token);

        Assert.NotEmpty(splits);
        Assert.Equal(splits.Select(split => split.Id), (await again.ListSplitsAsync(fixture.Table, deadline.Token)).Select(split => split.Id));
        Assert.Distinct(splits.Select(split => split.Id));
        Assert.All(splits, split => Assert.Equal(source.Name, split.Id.Source));
        Assert.All(splits, split => Assert.Contains(fixture.Table, split.Tables));
    }

    /// <summary>What a look says of an empty table counts at once; that of one with rows when they are durable.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    public async Task A_look_says_up_to_which_moment_all_lies_below_its_position(int rows)
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        if (rows > 0) await fixture.AppendAsync(rows, deadline.Token);
        var appendedAt = TimeProvider.System.GetTimestamp();
        await using var source = fixture.OpenAlone();
        using var figures = new Measurements("source", source.Name);
        var splits = await source.ListSplitsAsync(fixture.Table, deadline.Token);
        var ledger = new SourceLedger(fixture);
        Assert.All(splits, split => Assert.Null(source.LastLook(split.Id)));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
        await using var chunks = source.ReadAsync(ledger.ResumeAt(splits), stop.Token).GetAsyncEnumerator(stop.Token);

        await TakeAsync(chunks, ledger, rows);
        var reading = DrainAsync(chunks, ledger);
        List<SplitLook> looks;
        while ((looks = [.. splits.Select(split => source.LastLook(split.Id)).OfType<SplitLook>()]).Count < splits.Count || looks.Exists(look => look.At < appendedAt)
            // The first may have been before what was appended is old enough to be read.
            || (rows > 0 && looks.TrueForAll(look => look.Position is null)))
        {
            Assert.False(reading.IsCompleted, "The source has ended; it should wait for more.");
            await Task.Delay(10, deadline.Token);
        }

        double? lag;
        while ((lag = Instruments.All.Where(info => info.Name == Instruments.LagSeconds.Name).Select(info => figures.Observe(info)).FirstOrDefault(seconds => seconds is not null)) is null) await Task.Delay(10, deadline.Token);
        await stop.CancelAsync();
        await reading;
        Assert.InRange(lag.Value, 0, TimeProvider.System.GetElapsedTime(appendedAt).TotalSeconds + 60);
        var reached = ledger.ResumeAt(splits).ToDictionary(split => split.Split, split => split.Position);
        Assert.Equal(rows, ledger.Rows.Count);
        Assert.All(looks.Zip(splits), pair => Assert.True(pair.First.Position is null || pair.First.Position <= reached[pair.Second.Id], $"{pair}"));
    }

    [Fact]
    public async Task Stops_promptly_when_cancelled_while_idle()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await fixture.AppendAsync(3, deadline.Token);
        await using var source = fixture.Open();
        var splits = await source.ListSplitsAsync(fixture.Table, deadline.Token);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token);
        var ledger = new SourceLedger(fixture);
        await using var chunks = source.ReadAsync(ledger.ResumeAt(splits), stop.Token).GetAsyncEnumerator(stop.Token);
        await TakeAsync(chunks, ledger, 3);
        var reading = DrainAsync(chunks);

        await stop.CancelAsync();

        await reading.WaitAsync(Promptly, deadline.Token);
    }

    [Fact]
    public async Task Stops_promptly_when_the_reader_leaves_in_the_middle()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await fixture.AppendAsync(ManyRows, deadline.Token);
        var source = fixture.Open();

        var leaving = Task.Run(async () =>
        {
            await foreach (var chunk in source.ReadAsync(await BeginningAsync(fixture, source, deadline.Token), deadline.Token))
            {
                chunk.Dispose();
                break;
            }

            await source.DisposeAsync();
            await source.DisposeAsync();
        }, deadline.Token);

        await leaving.WaitAsync(deadline.Token);
    }

    [Fact]
    public async Task Accepts_an_acknowledgement_and_reads_on()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await fixture.AppendAsync(10, deadline.Token);
        await using var source = fixture.Open();
        var splits = await source.ListSplitsAsync(fixture.Table, deadline.Token);
        var ledger = new SourceLedger(fixture);
        await using var chunks = source.ReadAsync(ledger.ResumeAt(splits), deadline.Token).GetAsyncEnumerator(deadline.Token);
        await TakeAsync(chunks, ledger, 10);

        foreach (var (split, position) in ledger.ResumeAt(splits))
            if (position is { } reached)
            {
                await source.AcknowledgeAsync(split, reached, deadline.Token);
                await source.AcknowledgeAsync(split, reached, deadline.Token);
            }

        await fixture.AppendAsync(10, deadline.Token);
        await TakeAsync(chunks, ledger, 20);
        Assert.Equal(Numbers(0, 20), ledger.Rows.Order());
    }

    [Fact]
    public async Task A_check_finds_nothing_wrong_with_a_healthy_system()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await using var source = fixture.Open();

        var findings = await source.CheckAsync(deadline.Token);

        Assert.NotEmpty(findings);
        Assert.All(findings, finding => Assert.True(finding.Ok, $"{finding.Thing}: {finding.Detail}"));
    }

    [Fact]
    public async Task A_check_of_a_broken_system_says_what_to_do_and_keeps_secrets()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await using var source = fixture.OpenBroken();

        var findings = await source.CheckAsync(deadline.Token);

        Assert.Contains(findings, finding => !finding.Ok);
        Assert.All(findings.Where(finding => !finding.Ok), AssertHelps);
        AssertKeepsSecret(fixture, string.Join('\n', findings));
    }

    [Fact]
    public async Task Reading_a_broken_system_fails_with_the_cause_and_the_next_step()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await using var source = fixture.OpenBroken();

        var failure = await Assert.ThrowsAsync<PipelineException>(() => FirstChunkAsync(source, deadline.Token));

        Assert.Contains(failure.Kind, new[] { FaultKind.Unreachable, FaultKind.NotAuthorised });
        Assert.False(string.IsNullOrWhiteSpace(failure.NextStep));
        AssertKeepsSecret(fixture, failure.ToString());
    }

    [Fact]
    public async Task A_missing_table_is_named_by_the_check_and_by_reading()
    {
        using var deadline = StartDeadline();
        await using var fixture = await StartAsync(deadline.Token);
        await using var source = fixture.OpenWithMissingTable();
        var table = Assert.Single(source.Tables).Name;

        var findings = await source.CheckAsync(deadline.Token);
        var failure = await Assert.ThrowsAsync<PipelineException>(() => FirstChunkAsync(source, deadline.Token));

        Assert.Contains(findings, finding => !finding.Ok && finding.Thing.Contains(table, StringComparison.OrdinalIgnoreCase));
        Assert.All(findings.Where(finding => !finding.Ok), AssertHelps);
        Assert.Equal(FaultKind.Missing, failure.Kind);
        Assert.Contains(table, failure.Message, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>A token for the whole test: cancelled by the runner or when <see cref="Deadline"/> has passed.</summary>
    protected CancellationTokenSource StartDeadline()
    {
        var source = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        source.CancelAfter(Deadline);
        return source;
    }

    /// <summary>Reads from the beginning until <paramref name="rows"/> rows would be durable.</summary>
    protected static async Task ReadAsync(SourceFixture fixture, ISource source, SourceLedger ledger, int rows, CancellationToken cancellationToken) =>
        await ReadAsync(source, ledger, await BeginningAsync(fixture, source, cancellationToken), rows, cancellationToken);

    /// <summary>Reads until <paramref name="rows"/> rows would be durable.</summary>
    protected static async Task ReadAsync(ISource source, SourceLedger ledger, IReadOnlyList<SplitPosition> from, int rows, CancellationToken cancellationToken)
    {
        await using var chunks = source.ReadAsync(from, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await TakeAsync(chunks, ledger, rows);
    }

    protected static async Task TakeAsync(IAsyncEnumerator<Chunk> chunks, SourceLedger ledger, int rows)
    {
        while (ledger.Rows.Count < rows)
        {
            Assert.True(await chunks.MoveNextAsync(), $"The source ended after {ledger.Rows.Count} of {rows} rows; it should wait for more.");
            using var chunk = chunks.Current;
            ledger.Take(chunk);
        }
    }

    protected static async Task<IReadOnlyList<SplitPosition>> BeginningAsync(SourceFixture fixture, ISource source, CancellationToken cancellationToken) =>
        [.. (await source.ListSplitsAsync(fixture.Table, cancellationToken)).Select(split => new SplitPosition(split.Id, null))];

    private static async Task FirstChunkAsync(ISource source, CancellationToken cancellationToken)
    {
        var table = source.Tables[0].Name;
        await source.DescribeAsync(table, cancellationToken);
        var splits = await source.ListSplitsAsync(table, cancellationToken);
        await foreach (var chunk in source.ReadAsync([.. splits.Select(split => new SplitPosition(split.Id, null))], cancellationToken))
        {
            chunk.Dispose();
            return;
        }
    }

    private static async Task DrainAsync(IAsyncEnumerator<Chunk> chunks, SourceLedger? ledger = null)
    {
        try
        {
            while (await chunks.MoveNextAsync())
                using (chunks.Current)
                    ledger?.Take(chunks.Current);
        }
        catch (OperationCanceledException)
        {
            // Ending with this or without are both a prompt stop.
        }
    }

    private static void AssertHelps(Finding finding)
    {
        Assert.False(string.IsNullOrWhiteSpace(finding.Detail), finding.Thing);
        Assert.False(string.IsNullOrWhiteSpace(finding.NextStep), finding.Thing);
    }

    private static void AssertKeepsSecret(SourceFixture fixture, string text)
    {
        if (fixture.Secret is { } secret) Assert.DoesNotContain(secret, text, StringComparison.Ordinal);
    }

    private static IEnumerable<long> Numbers(int from, int to) => Enumerable.Range(from, to - from).Select(number => (long)number);

    private static IEnumerable<string> Describe(Apache.Arrow.Schema schema) =>
        schema.FieldsList.Select(field => $"{field.Name} {TypeName(field.DataType)}{(field.IsNullable ? "" : " not null")}");

    private static string TypeName(Apache.Arrow.Types.IArrowType type) => type switch
    {
        Apache.Arrow.Types.TimestampType timestamp => $"timestamp({timestamp.Unit}, {timestamp.Timezone})",
        Apache.Arrow.Types.Decimal128Type number => $"decimal({number.Precision}, {number.Scale})",
        _ => type.Name,
    };

    /// <summary>At most so many of the cuts, the first and the last among them.</summary>
    private static IEnumerable<Cut> Spread(List<Cut> cuts, int atMost)
    {
        Assert.NotEmpty(cuts);
        var count = Math.Min(cuts.Count, atMost);
        return Enumerable.Range(0, count).Select(i => cuts[count == 1 ? 0 : i * (cuts.Count - 1) / (count - 1)]);
    }
}
