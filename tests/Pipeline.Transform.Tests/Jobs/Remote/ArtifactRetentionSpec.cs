using System.Collections.Immutable;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Transform.Jobs;
using Pipeline.Transform.Jobs.Remote;
using Pipeline.Transform.Tests.Emr;

namespace Pipeline.Transform.Tests.Jobs.Remote;

/// <summary>What a run that may still be taken over needs is never deleted, and what nobody needs any more is.</summary>
public sealed class ArtifactRetentionSpec
{
    private static readonly TableId[] Tables = [TableId.Silver("orders"), TableId.Gold("totals"), TableId.Gold("dropped")];

    /// <summary>A claim of a run: what became of it, and how many days ago each of its objects was written.</summary>
    private static readonly Gen<(int Table, int Run, ClaimFate Fate, bool HasAnswered, bool HasFailed, int[] Days)> Claims =
        Gen.Select(Gen.Int[0, Tables.Length - 1], Gen.Int[1, 4], Gen.Enum<ClaimFate>(), Gen.Bool, Gen.Bool, Gen.Int[0, 30].Array[5]);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 7, 1, 12, 0, 0, TimeSpan.Zero));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_runs_artifacts_go_together_when_it_is_over_and_old_and_never_before() =>
        await Gen.Select(Claims.Array[0, 12], Gen.Int[0, 5], Gen.Int[0, 5], Gen.Int[1, 30]).SampleAsync(async given =>
        {
            var (claims, lastOrders, lastTotals, retention) = given;
            var (artifacts, store, ages) = await LaidDownAsync(claims);
            long? LastRun(TableId table) => table == Tables[0] ? lastOrders : table == Tables[1] ? lastTotals : null;
            var before = store.Paths;

            var dry = await ClearAsync(artifacts, LastRun, retention, isDryRun: true);
            var unchanged = store.Paths;
            var cleared = await ClearAsync(artifacts, LastRun, retention, isDryRun: false);

            var expected = before.Where(path => RunArtifacts.TryRunOf(path) is not { } run || !(run.Run < LastRun(run.Table)) || before.Any(other => RunArtifacts.TryRunOf(other) == run && ages[other] <= retention)).ToList();
            Assert.Equal(before, unchanged);
            Assert.Equal(expected, store.Paths);
            Assert.Equal((dry, before.Count - expected.Count), (cleared, (int)cleared.Objects));
        }, iter: 300);

    [Fact]
    public async Task An_execution_is_open_while_its_run_may_still_be_committed_of_it() =>
        await Gen.Select(Claims.Array[0, 12], Gen.Int[0, 5]).SampleAsync(async given =>
        {
            var (claims, last) = given;
            var (artifacts, _, _) = await LaidDownAsync(claims);

            var open = await ArtifactRetention.OpenAsync(artifacts, table => table == Tables[0] ? last : null, Cancel);

            var expected = claims.Select((claim, i) => (Claim: claim, Execution: $"e{i}"))
                .Where(pair => (pair.Claim.Table != 0 || pair.Claim.Run >= last) && (pair.Claim.Fate is ClaimFate.Open or ClaimFate.Sent || pair.Claim is { Fate: ClaimFate.Over, HasAnswered: true, HasFailed: false }))
                .Select(pair => pair.Execution);
            Assert.Equal(expected.Order(StringComparer.Ordinal), open.Executions.Order(StringComparer.Ordinal));
            Assert.Empty(open.Unknown);
        }, iter: 300);

    [Fact]
    public async Task Claims_of_clusters_go_from_the_oldest_on_and_are_read_and_numbered_as_before() =>
        await Gen.Select(Gen.Int[0, 30].Array[3].Array[1, 8], Gen.Int[1, 30]).SampleAsync(async given =>
        {
            var (claims, retention) = given;
            var ages = new Dictionary<string, int>(StringComparer.Ordinal);
            var store = new MemoryStore { ModifiedAt = path => _time.GetUtcNow().AddDays(-ages[path]) };
            var artifacts = new JobArtifacts(store);
            var book = artifacts.ClaimsOfClusters("sales-0f3a");
            for (var number = 1; number <= claims.Length; number++)
            {
                await book.TryPutAsync(new RunClaim(number, $"e{number}", "", Pins: null, _time.GetUtcNow(), ClaimFate.Open), Cancel);
                await book.DecideAsync(number, ClaimFate.Sent, $"e{number}", Cancel);
                await book.CloseAsync(number, Cancel);
                foreach (var (part, age) in ((string[])["claim", "fate", "over"]).Zip(claims[number - 1])) ages[$"cluster/sales-0f3a/{part}-{number}.json"] = age;
            }

            var gone = claims.SkipLast(1).TakeWhile(days => days.Min() > retention).Count();
            var cleared = await ClearAsync(artifacts, _ => null, retention, isDryRun: false);
            var left = await book.ReadAsync(Cancel);

            Assert.Equal(3 * gone, cleared.Objects);
            Assert.Equal(Enumerable.Range(gone + 1, claims.Length - gone), left.Select(claim => claim.Number));
            Assert.All(left, claim => Assert.Equal((ClaimFate.Over, $"e{claim.Number}"), (claim.Fate, claim.Execution)));
        }, iter: 300);

    [Fact]
    public async Task A_claim_that_cannot_be_read_leaves_every_execution_open()
    {
        var store = new MemoryStore();
        await store.PutAsync("gold/totals/3/claim-1.json", "{"u8.ToArray(), Cancel);

        var open = await ArtifactRetention.OpenAsync(new JobArtifacts(store), _ => null, Cancel);

        Assert.Equal(TableId.Gold("totals"), Assert.Single(open.Unknown).Table);
        Assert.True(open.Has("e1"));
    }

    private async Task<ClearedArtifacts> ClearAsync(JobArtifacts artifacts, Func<TableId, long?> lastRun, int retention, bool isDryRun) =>
        await ArtifactRetention.ClearAsync(artifacts, lastRun, _ => true, TimeSpan.FromDays(retention), isDryRun, _time, Cancel);

    /// <summary>Artifacts as executions leave them, and the days since each object was written; beside them a program and what is nobody's.</summary>
    private async Task<(JobArtifacts Artifacts, MemoryStore Store, Dictionary<string, int> Ages)> LaidDownAsync(IReadOnlyList<(int Table, int Run, ClaimFate Fate, bool HasAnswered, bool HasFailed, int[] Days)> claims)
    {
        var ages = new Dictionary<string, int>(StringComparer.Ordinal);
        var store = new MemoryStore { ModifiedAt = path => _time.GetUtcNow().AddDays(-ages.GetValueOrDefault(path, 99)) };
        var artifacts = new JobArtifacts(store);
        await artifacts.PutProgramAsync("medallion_job.py", "pass"u8.ToArray(), Cancel);
        await store.PutAsync("gold/totals/notes.txt", "ours"u8.ToArray(), Cancel);
        var numbers = new Dictionary<(int, int), int>();
        for (var i = 0; i < claims.Count; i++)
        {
            var (at, run, fate, hasAnswered, hasFailed, days) = claims[i];
            var (table, execution, known) = (Tables[at], $"e{i}", store.Paths.ToHashSet(StringComparer.Ordinal));
            var number = numbers[(at, run)] = numbers.GetValueOrDefault((at, run)) + 1;
            await artifacts.PutDocumentAsync(table, run, new byte[] { (byte)i }, Cancel);
            Assert.True(await artifacts.ClaimsOf(table, run).TryPutAsync(new RunClaim(number, execution, "", Pins(table, run), _time.GetUtcNow(), ClaimFate.Open), Cancel));
            if (fate is ClaimFate.Sent or ClaimFate.Over) await artifacts.ClaimsOf(table, run).DecideAsync(number, ClaimFate.Sent, execution, Cancel);
            if (fate == ClaimFate.Dropped) await artifacts.ClaimsOf(table, run).DecideAsync(number, ClaimFate.Dropped, "other", Cancel);
            if (fate == ClaimFate.Over) await artifacts.ClaimsOf(table, run).CloseAsync(number, Cancel);
            if (hasAnswered)
                await store.PutAsync(JobArtifacts.AnswerOf(new JobName("", "", table, run, execution)),
                    new JobAnswer { Format = 1, Document = "", Execution = execution, Failure = hasFailed ? new AnsweredFailure("defect", "a", "b", "c") : null }.ToUtf8(), Cancel);
            foreach (var (path, j) in store.Paths.Where(path => !known.Contains(path)).Select((path, j) => (path, j))) ages[path] = days[j];
        }

        return (artifacts, store, ages);
    }

    private static JobPins Pins(TableId table, long run) => new() { Table = table, Run = run, RequestedAt = default, Inputs = [], Targets = [] };
}
