using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Tests.Storage;
using Pipeline.Ingest;
using Pipeline.Operations.Control;
using Pipeline.Testing;

namespace Pipeline.Operations.Tests.Control;

/// <summary>
/// Commands that are planned, applied, applied again, late and in another order, while tables move on and the singleton dies at any of its
/// requests and is made again.
/// </summary>
public sealed class OrderPropertySpec
{
    private static readonly TableId[] Tables = [TableId.Silver("a"), TableId.Silver("b")];
    private static readonly TableId Parted = TableId.Bronze("app", "x");
    private static readonly SplitId Split = new("app", "x/1");
    private static readonly ControlScope Scope = new([.. Tables, Parted], ["app"]);

    private static readonly Gen<Act> Acts = Gen.OneOf<Act>(
        Gen.Select(Gen.Int[0, 4], Gen.Int[0, 1], (verb, table) => (Act)new Act.Plan(verb, table)),
        Gen.Int[0, 3].Select(isPlanned => isPlanned > 0 ? (Act)new Act.PlanPart() : new Act.ReadPart()),
        Gen.Int[0, 1_000].Select(plan => (Act)new Act.Apply(plan)),
        Gen.Int[0, 1_000].Select(plan => (Act)new Act.Apply(plan)),
        Gen.Int[0, 1].Select(table => (Act)new Act.Move(table)),
        Gen.Select(Gen.Int[0, 40], Gen.Bool, (requests, isBehind) => (Act)new Act.Work(requests, isBehind)));

    [Fact]
    public async Task A_command_changes_a_pipeline_at_most_once_and_never_what_has_moved() =>
        await Acts.Array[12, 30].SampleAsync(async acts => await new World().RunAsync(acts), iter: 60, threads: 1);

    private abstract record Act
    {
        public sealed record Plan(int Verb, int Table) : Act;

        /// <summary>A part of a table is to be read again.</summary>
        public sealed record PlanPart : Act;

        /// <summary>The part that is read again is read.</summary>
        public sealed record ReadPart : Act;

        public sealed record Apply(int Index) : Act;

        /// <summary>A run of the table ends that nobody has ordered.</summary>
        public sealed record Move(int Table) : Act;

        /// <summary>The singleton looks, and dies after so many requests.</summary>
        public sealed record Work(int Requests, bool IsBehind) : Act;
    }

    private sealed class World : IOrderWork
    {
        private static readonly Schema Schema = new([new Field("id", Int64Type.Default, nullable: true)], null);

        private readonly HeldClock _time = new(new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero));
        private readonly MemoryStore _memory = new();
        private readonly FusedStore _store;
        private readonly List<Planned> _plans = [];
        private readonly Dictionary<string, Applied> _first = new(StringComparer.Ordinal);
        private readonly Dictionary<string, int> _effects = new(StringComparer.Ordinal);
        private readonly Dictionary<string, WishKind?> _wanted = new(StringComparer.Ordinal);
        private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
        private readonly HashSet<string> _stale = new(StringComparer.Ordinal);
        private string? _working;

        public World() => _store = new FusedStore(_memory);

        private static CancellationToken Cancel => TestContext.Current.CancellationToken;

        private Lake Lake => new(_memory, _time);

        public async Task RunAsync(Act[] acts)
        {
            foreach (var table in Tables) await CommitRunAsync(table, "MERGE", Cancel);
            await CommitAsync(Parted, _ => new Transaction("WRITE", Isolation.BlindAppend)
            {
                Moves = [new TxnMove(Split, null, 100)], Properties = ImmutableDictionary<string, string?>.Empty.Add(SplitHistory.KeyOf(Split), new SplitHistory(0, "a").Write()),
            });
            foreach (var act in acts)
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                await (act switch
                {
                    Act.Plan plan => PlanAsync(plan),
                    Act.PlanPart => PlanPartAsync(),
                    Act.ReadPart => ReadPartAsync(),
                    Act.Apply apply => ApplyAsync(apply),
                    Act.Move move => CommitRunAsync(Tables[move.Table], "MERGE", Cancel),
                    Act.Work work => WorkAsync(work.Requests, work.IsBehind),
                    _ => throw new InvalidOperationException($"{act}"),
                });
            }

            // A singleton that lives ends all of them.
            _store.Mend();
            await WorkAsync(int.MaxValue, isBehind: false);
            await WorkAsync(int.MaxValue, isBehind: false);
            using var door = Door(Lake, _time);
            var state = await door.StateAsync(Cancel);
            Assert.Empty(state.Waiting);
            Assert.All(_effects.Values, times => Assert.Equal(1, times));
            Assert.All(_stale, order => Assert.Equal(0, _effects.GetValueOrDefault(order)));
            Assert.All(state.Orders.Where(order => _stale.Contains(order.Id)), order => Assert.Equal(OrderOutcome.Refused, order.Outcome));
            Assert.All(state.Orders.Where(order => order is { Outcome: OrderOutcome.Done, Kind: OrderKind.BackfillPart }), order => Assert.Equal(1, _effects.GetValueOrDefault(order.Id)));
            Assert.Equal(state.Orders.Count(order => order is { Outcome: OrderOutcome.Done, Kind: OrderKind.BackfillPart }), (await Lake.TryOpenAsync(Parted, Cancel))!.Current.Histories.EpochOf(Split));
            // A run that has ended by itself behind one that was begun is what it wanted.
            Assert.All(state.Orders.Where(order => order is { Outcome: OrderOutcome.Done, Kind: OrderKind.Rebuild }), order => Assert.Equal(1, _effects.GetValueOrDefault(order.Id)));
            Assert.All(state.Orders.Where(order => order.Outcome == OrderOutcome.Refused), order => Assert.Equal(0, _effects.GetValueOrDefault(order.Id)));
            foreach (var (target, kind) in _wanted) Assert.Equal(kind, state.Wishes.FirstOrDefault(wish => wish.Target.Name == target)?.Kind);
            Assert.Equal(_first.Values.OfType<Applied.Recorded>().Select(one => one.Id).Order(StringComparer.Ordinal),
                state.Words.Select(word => word.Id).Concat(state.Orders.Select(order => order.Id)).Order(StringComparer.Ordinal));
        }

        public async ValueTask TriggerAsync(TableId table, CancellationToken cancellationToken) => await DoAsync(table, "MERGE", cancellationToken);

        public ValueTask CancelAsync(TableId table, CancellationToken cancellationToken) => throw new InvalidOperationException("Nothing runs.");

        public async ValueTask RebuildAsync(TableId table, CancellationToken cancellationToken) => await DoAsync(table, "REBUILD", cancellationToken);

        public async ValueTask BackfillAsync(TableId table, IReadOnlyList<SplitPart> parts, bool isInOrder, CancellationToken cancellationToken)
        {
            await TableTurns.BeginAsync(Lake, table, parts, isInOrder, _time, cancellationToken);
            _effects[_working!] = _effects.GetValueOrDefault(_working!) + 1;
        }

        public ValueTask BackfillAsync(TableId table, CancellationToken cancellationToken) => throw new InvalidOperationException("It is not ordered here.");

        public ValueTask AcceptGapAsync(TableId table, OrderAim aim, CancellationToken cancellationToken) => throw new InvalidOperationException("There are no gaps.");

        private static LakeControl Door(Lake lake, TimeProvider time) => new(lake, Scope, (_, _) => Task.FromResult<IReadOnlyList<SplitGap>>([]), time)
        {
            Locate = (_, _, _) => Task.FromResult<IReadOnlyList<SplitPart>>([new SplitPart(Split, 10, 20)]),
        };

        private async Task PlanPartAsync()
        {
            using var door = Door(Lake, _time);
            try
            {
                _plans.Add(await door.PlanAsync(new ControlCommand(ControlVerb.BackfillPart, ControlTarget.Of(Parted), "from 10 to 20"), Cancel));
            }
            catch (PipelineException e) when (e.Cause.Contains("is being read again", StringComparison.Ordinal))
            {
                // It waits until that is done.
            }
        }

        private Task ReadPartAsync() => CommitAsync(Parted, snapshot => SplitTurn.Of(snapshot.Metadata.Configuration).TryGetValue(Split, out var turn)
            ? new Transaction("READ", Isolation.BlindAppend) { Moves = [new TxnMove(Split, turn.Epoch, snapshot.Position(Split), turn.Back)], Properties = ImmutableDictionary<string, string?>.Empty.Add(SplitTurn.KeyOf(Split), null) }
            : null);

        /// <param name="decide">Null: nothing is to be committed.</param>
        private async Task CommitAsync(TableId id, Func<Snapshot, Transaction?> decide)
        {
            var table = await Lake.OpenOrCreateAsync(id, Schema, [], ImmutableDictionary<string, string>.Empty, Cancel);
            if (decide(table.Current) is { } transaction) Assert.IsType<CommitResult.Committed>(await table.CommitAsync(transaction, Cancel));
        }

        private async Task PlanAsync(Act.Plan plan)
        {
            using var door = Door(Lake, _time);
            ControlVerb[] verbs = [ControlVerb.Pause, ControlVerb.Resume, ControlVerb.Drain, ControlVerb.Trigger, ControlVerb.Rebuild];
            _plans.Add(await door.PlanAsync(new ControlCommand(verbs[plan.Verb], ControlTarget.Of(Tables[plan.Table])), Cancel));
        }

        private async Task ApplyAsync(Act.Apply apply)
        {
            if (_plans.Count == 0) return;
            var plan = _plans[apply.Index % _plans.Count];
            using var door = Door(Lake, _time);
            var applied = await door.ApplyAsync(plan.Id, "anna", "to see", Cancel);
            if (_first.TryGetValue(plan.Id, out var first) && first is Applied.Recorded) Assert.IsType<Applied.Repeated>(applied);
            else
            {
                Assert.IsNotType<Applied.Repeated>(applied);
                _first[plan.Id] = applied;
                if (applied is Applied.Recorded) Want(plan.Command);
            }
        }

        private void Want(ControlCommand command)
        {
            if (command.Verb > ControlVerb.Resume) return;
            _wanted[command.Target.Name] = command.Verb switch { ControlVerb.Pause => WishKind.Paused, ControlVerb.Drain => WishKind.Drained, _ => null };
        }

        /// <summary>A singleton of its own, which knows what the lake says and nothing else.</summary>
        private async Task WorkAsync(int requests, bool isBehind)
        {
            var lake = new Lake(_store, _time);
            using var control = Door(lake, _time);
            if (requests < int.MaxValue) _store.Light(requests, isBehind);
            try
            {
                var runner = new OrderRunner(lake, this, _time);
                foreach (var order in (await control.StateAsync(Cancel)).Waiting.ToList())
                {
                    _working = order.Id;
                    var now = (await Lake.TryOpenAsync(order.Target.Table!, Cancel))!.Current;
                    var hasMoved = order.Kind == OrderKind.BackfillPart ? now.Histories.EpochOf(Split) != order.Aim!.Epoch : now.Position("run") != order.Aim!.Positions.Single(position => position.AppId == "run").At;
                    if (_seen.Add(order.Id) && hasMoved) _stale.Add(order.Id);
                    var (outcome, detail) = await runner.RunAsync(order, Cancel);
                    await control.EndAsync(order, outcome, detail, "a node", Cancel);
                }
            }
            catch (Exception) when (_store.IsBurnt)
            {
                // The next one is made again.
            }
            finally
            {
                _store.Mend();
            }
        }

        private async Task DoAsync(TableId table, string operation, CancellationToken cancellationToken)
        {
            await CommitRunAsync(table, operation, cancellationToken);
            _effects[_working!] = _effects.GetValueOrDefault(_working!) + 1;
        }

        private async Task CommitRunAsync(TableId id, string operation, CancellationToken cancellationToken)
        {
            var table = await Lake.OpenOrCreateAsync(id, Schema, [], ImmutableDictionary<string, string>.Empty, cancellationToken);
            var run = table.Current.Position("run");
            Assert.IsType<CommitResult.Committed>(await table.CommitAsync(new Transaction(operation, Isolation.BlindAppend) { Moves = [new TxnMove("run", run, (run ?? 0) + 1)] }, cancellationToken));
        }
    }
}
