using System.Collections.Immutable;
using Apache.Arrow;
using Apache.Arrow.Types;
using CsCheck;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Tests.Storage;
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
    private static readonly ControlScope Scope = new([.. Tables, TableId.Bronze("app", "x")], ["app"]);

    private static readonly Gen<Act> Acts = Gen.OneOf<Act>(
        Gen.Select(Gen.Int[0, 4], Gen.Int[0, 1], (verb, table) => (Act)new Act.Plan(verb, table)),
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
            foreach (var act in acts)
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                await (act switch
                {
                    Act.Plan plan => PlanAsync(plan),
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

        public ValueTask BackfillAsync(TableId table, CancellationToken cancellationToken) => throw new InvalidOperationException("It is not ordered here.");

        public ValueTask AcceptGapAsync(TableId table, OrderAim aim, CancellationToken cancellationToken) => throw new InvalidOperationException("There are no gaps.");

        private static LakeControl Door(Lake lake, TimeProvider time) => new(lake, Scope, (_, _) => Task.FromResult<IReadOnlyList<SplitGap>>([]), time);

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
                    var at = (await Lake.TryOpenAsync(order.Target.Table!, Cancel))!.Current.Position("run");
                    if (_seen.Add(order.Id) && at != order.Aim!.Positions.Single(position => position.AppId == "run").At) _stale.Add(order.Id);
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
