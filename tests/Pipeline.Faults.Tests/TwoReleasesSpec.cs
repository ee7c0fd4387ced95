using System.Text.RegularExpressions;
using Pipeline.Releases;
using Pipeline.Testing;

namespace Pipeline.Faults.Tests;

/// <summary>
/// A node of the release before and one of this, in one cluster on one lake. The older one is built from the repository's own
/// history, which takes minutes: <c>PIPELINE_NIGHTLY=1</c>.
/// </summary>
public sealed partial class TwoReleasesSpec
{
    [Fact]
    public async Task A_node_of_the_release_before_works_beside_one_of_this_until_it_leaves()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "It builds the release before, which takes minutes: PIPELINE_NIGHTLY=1.");
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadlines.Test);
        var cancel = deadline.Token;
        var release = Release.All[^1];
        await using var build = await ReleaseBuild.TryMakeAsync(release, cancel);
        Assert.SkipWhen(build is null, $"The repository's history does not hold {release.Commit}, from which release {release.Name} was built.");
        await using var state = await release.UnpackAsync(cancel);
        await using var sources = await SourceSystems.StartAsync(state.SourcesDirectory, release.Rows, cancel);
        await sources.ContinueAsync(state.OpenLake(), cancel);

        await using var older = state.Start(["run"], sources, program: build.Program);
        await older.SaysAsync("1 in the cluster", cancel);
        var joining = state.ConfigurationJoining(Address().Match(older.Log).Groups[1].Value);
        await using var newer = state.Start(["run"], sources, configuration: joining);
        await newer.SaysAsync("2 in the cluster", cancel);
        foreach (var n in (int[])[3_001, 3_002, 3_003])
        {
            await sources.WriteAsync("round", n, cancel);
            await newer.UntilAsync(state.UntilTakenInAsync(sources, cancel));
        }

        // What operators want is for the oldest node to do, and it does not know how: that is said, and not waited for.
        var own = Address().Match(newer.Log).Groups[1].Value;
        await using (var drain = state.Start(["drain", own, "--reason", "a test", "--wait", "20m"], sources, configuration: joining))
        {
            Assert.True(await drain.ExitAsync(cancel) == 1, drain.Log);
            Assert.Contains("it is the oldest of the cluster", drain.Log, StringComparison.Ordinal);
        }

        await using (var resume = state.Start(["resume", own, "--reason", "a test"], sources, configuration: joining)) Assert.True(await resume.ExitAsync(cancel) == 0, resume.Log);
        Assert.Equal(0, await older.StopAsync(cancel));
        await sources.WriteAsync("later", 0, cancel);
        await newer.UntilAsync(state.UntilTakenInAsync(sources, cancel));
        Assert.Equal(0, await newer.StopAsync(cancel));

        // A message that the other does not understand is an error of Akka's.
        Assert.True(Errors(older.Log).Length == 0, Errors(older.Log));
        Assert.True(Errors(newer.Log).Length == 0, Errors(newer.Log));
        await using var verify = state.Start(["verify"], sources);
        Assert.True(await verify.ExitAsync(cancel) == 0, verify.Log);
    }

    /// <summary>
    /// But for the table that masks, which a release before did without a key: it stands until somebody gives it one. And for where shards were, which a node that leaves may
    /// not get written down in time on a busy machine: who has them next finds out by himself.
    /// </summary>
    private static string Errors(string log) => string.Join('\n', log.Split('\n').Where(line => line.Contains(" ERR ", StringComparison.Ordinal) && !line.Contains("there is no key for masks", StringComparison.Ordinal)
        && !(line.Contains("updating-state-timeout", StringComparison.Ordinal) && line.Contains("(terminating)", StringComparison.Ordinal))));

    [GeneratedRegex(@"Node (\S+) is up with", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex Address();
}
