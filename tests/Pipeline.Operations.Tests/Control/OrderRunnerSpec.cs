using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Tests.Storage;
using Pipeline.Ingest;
using Pipeline.Operations.Control;

namespace Pipeline.Operations.Tests.Control;

/// <summary>Orders whose singleton dies on the way.</summary>
public sealed class OrderRunnerSpec : IOrderWork
{
    private static readonly TableId Users = TableId.Bronze("app", "users");

    private readonly Lake _lake = new(new MemoryStore(), TimeProvider.System);
    private int _backfills;
    private bool _isCutOffBefore;
    private bool _hasDied;
    private bool _isInOrder;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true, OrderKind.Backfill)]
    [InlineData(false, OrderKind.Backfill)]
    [InlineData(true, OrderKind.BackfillPart)]
    [InlineData(false, OrderKind.BackfillPart)]
    [InlineData(true, OrderKind.BackfillInOrder)]
    [InlineData(false, OrderKind.BackfillInOrder)]
    public async Task A_backfill_that_was_cut_off_is_done_once_though_its_table_was_not_there_when_it_was_ordered(bool isCutOffBefore, OrderKind kind)
    {
        _isCutOffBefore = isCutOffBefore;
        await _lake.OpenOrCreateAsync(Users, new Schema([new Field("id", Int64Type.Default, nullable: true)], null), [], ImmutableDictionary<string, string>.Empty, Cancel);
        var aim = kind != OrderKind.Backfill ? OrderAims.Of((await _lake.TryOpenAsync(Users, Cancel))!.Current, []) with { Parts = [new SplitPart(new SplitId("app", "users"), 1, 2)] } : null;
        var order = new Order("o1", 1, kind, ControlTarget.Of(Users), aim, Value: null, "anna", DateTimeOffset.UnixEpoch, "to see");
        var runner = new OrderRunner(_lake, this, TimeProvider.System);

        await Assert.ThrowsAsync<PipelineException>(async () => await runner.RunAsync(order, Cancel));
        Assert.Equal((OrderOutcome.Done, null), await runner.RunAsync(order, Cancel));

        Assert.Equal((1, kind == OrderKind.BackfillInOrder), (_backfills, _isInOrder));
    }

    /// <param name="isBegun">Whether somebody had begun the part before another order was done.</param>
    [Theory]
    [InlineData(OrderKind.BackfillPart, false, false)]
    [InlineData(OrderKind.BackfillPart, true, false)]
    [InlineData(OrderKind.BackfillPart, true, true)]
    [InlineData(OrderKind.BackfillInOrder, false, false)]
    [InlineData(OrderKind.BackfillInOrder, true, true)]
    public async Task A_part_that_an_earlier_release_passed_by_is_not_told_as_done_unless_it_is(OrderKind kind, bool isBegun, bool isDone)
    {
        _isCutOffBefore = !isDone;
        var table = await _lake.OpenOrCreateAsync(Users, new Schema([new Field("id", Int64Type.Default, nullable: true)], null), [], ImmutableDictionary<string, string>.Empty, Cancel);
        var part = new Order("o1", 1, kind, ControlTarget.Of(Users), OrderAims.Of(table.Current, []) with { Parts = [new SplitPart(new SplitId("app", "users"), 1, 2)] }, Value: null, "anna", DateTimeOffset.UnixEpoch, "to see");
        var all = new Order("o2", 2, OrderKind.Backfill, ControlTarget.Of(Users), Aim: null, Value: null, "ben", DateTimeOffset.UnixEpoch, "all of it");
        var runner = new OrderRunner(_lake, this, TimeProvider.System);
        if (isBegun) await Assert.ThrowsAsync<PipelineException>(async () => await runner.RunAsync(part, Cancel));
        _hasDied = true;
        Assert.Equal((OrderOutcome.Done, null), await runner.RunAsync(all, Cancel));

        var (outcome, detail) = await runner.RunAsync(part, Cancel);

        Assert.Equal(isDone ? (OrderOutcome.Done, null) : (OrderOutcome.Refused, "another order came first: plan it again"), (outcome, detail));
        Assert.Equal(isDone ? 2 : 1, _backfills);
    }

    public async ValueTask BackfillAsync(TableId table, CancellationToken cancellationToken)
    {
        if (_isCutOffBefore && !_hasDied) Die();
        var opened = (await _lake.TryOpenAsync(table, cancellationToken))!;
        Assert.IsType<CommitResult.Committed>(await opened.CommitAsync(new Transaction(GapAcceptance.BackfillOperation, Isolation.BlindAppend) { Moves = [new TxnMove("backfill", _backfills == 0 ? null : _backfills, _backfills + 1)] }, cancellationToken));
        _backfills++;
        if (!_hasDied) Die();
    }

    public ValueTask BackfillAsync(TableId table, IReadOnlyList<SplitPart> parts, bool isInOrder, CancellationToken cancellationToken)
    {
        Assert.Equal([new SplitPart(new SplitId("app", "users"), 1, 2)], parts);
        _isInOrder = isInOrder;
        return BackfillAsync(table, cancellationToken);
    }

    public ValueTask TriggerAsync(TableId table, CancellationToken cancellationToken) => throw new InvalidOperationException();

    public ValueTask CancelAsync(TableId table, CancellationToken cancellationToken) => throw new InvalidOperationException();

    public ValueTask RebuildAsync(TableId table, CancellationToken cancellationToken) => throw new InvalidOperationException();

    public ValueTask AcceptGapAsync(TableId table, OrderAim aim, CancellationToken cancellationToken) => throw new InvalidOperationException();

    private void Die()
    {
        _hasDied = true;
        throw new PipelineException(FaultKind.Unreachable, "The lake", "it does not answer", "Ask again.");
    }
}
