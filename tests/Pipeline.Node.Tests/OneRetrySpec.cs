using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>
/// One formula for pauses, one place that waits between attempts, one word for each: read from the sources, so that the
/// next loop does not bring its own.
/// </summary>
public sealed partial class OneRetrySpec
{
    /// <summary>Files that wait for a while, and for what if not between attempts.</summary>
    private static readonly Dictionary<string, string> Waits = new(StringComparer.Ordinal)
    {
        ["Retry.cs"] = "the one place that waits between attempts",
        ["BronzeSample.cs"] = "looks whether a source has reached its end while a sample is read",
        ["EssentialActors.cs"] = "gives a node that leaves the time to know it",
        ["EmrService.cs"] = "ends an emulation that nobody has asked anything for a while",
        ["GroupOffsets.cs"] = "looks every minute whose a group's offsets are",
        ["IngestGraph.cs"] = "gives a source that is told to end the time for it",
        ["KafkaTopics.cs"] = "gives the other brokers a second when one cannot be reached",
        ["RemoteExecution.cs"] = "looks again at what others have to do",
        ["Rounds.cs"] = "asks a cluster or an application how its jobs stand at most every 10 s",
        ["SlotCapture.cs"] = "gives the reading side time to find the reason of a connection that is gone",
        ["ClusterSearch.cs"] = "looks again at what others have to do",
        ["StepProcesses.cs"] = "puts an emulated step's logs some time after its end",
        ["SnowflakeClient.cs"] = "asks whether a statement that runs has ended, at the pace of a RetryPolicy",
        ["WaitWatch.cs"] = "looks now and then at who waits for long",
        ["WatermarkTable.cs"] = "poll-interval of a source",
        ["WatermarkReader.cs"] = "poll-interval of a source",
        ["ScratchPostgres.cs"] = "a server process that starts",
        ["DemoSession.cs"] = "looks at the demo's progress",
        ["DemoDriver.cs"] = "the demo's pace",
    };

    /// <summary>Files that look at a fault that may pass, and what they do if not try again.</summary>
    private static readonly Dictionary<string, string> Looks = new(StringComparer.Ordinal)
    {
        ["Retry.cs"] = "the one place that tries again",
        ["AwsSecretStore.cs"] = "uses the value that it knows while AWS is away",
        ["BronzeRange.cs"] = "leaves what is wrong with what comes later to the run that reads it",
        ["Committer.cs"] = "looks whether the write has arrived all the same",
        ["JobPlanner.cs"] = "leaves what is wrong with a run's statements to the run, which says it",
        ["LakeControl.cs"] = "says that the lake is away: some of what operators want acts without it",
        ["LogReader.cs"] = "keeps what has been read, and throws on",
        ["LogReaders.cs"] = "counts a table that cannot be read for good as a reader that has read nothing",
        ["LogWalk.cs"] = "names a commit that cannot be read for good, and goes on with the next",
        ["MedallionCoordinatorActor.cs"] = "looks at the other tables where one cannot be read for good, and throws on",
        ["SampleBronze.cs"] = "takes the rows that whoever samples at the same time has put there, and throws on",
        ["PendingReads.cs"] = "counts a table that cannot be read for good as one of which nothing is held back",
        ["TableRebuild.cs"] = "gives up a run that can never end, since what it needs is gone: the switch takes its place; what may pass it throws on",
        ["TableChanges.cs"] = "goes without what Snowflake does not have of an object; what may pass it throws on",
        ["SlotWatch.cs"] = "leaves it to the reading, which finds the same",
        ["WatchVerb.cs"] = "says that no node answers, and looks again when the next look is due",
        ["DrainVerb.cs"] = "keeps what was last open, and looks again when the next look is due",
        ["NodeOrLake.cs"] = "reads the lake where no node of this machine answers",
        ["SlotCapture.cs"] = "looks for the reason in the slot's state, and throws on",
    };

    private static readonly (string Name, string Code)[] Sources =
        [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal))
            .Select(path => (Path.GetFileName(path), Comments().Replace(File.ReadAllText(path), "")))];

    [Fact]
    public void Nobody_else_waits_between_attempts() => Assert.Equal(Waits.Keys.Order(StringComparer.Ordinal), FilesWith(Waiting()));

    [Fact]
    public void Nobody_else_catches_what_may_pass() => Assert.Equal(Looks.Keys.Order(StringComparer.Ordinal), FilesWith(CatchingTransient()));

    [Fact]
    public void No_other_formula_makes_pauses_longer() => Assert.Equal(["RetryPolicy.cs"], FilesWith(Growing()));

    [Fact]
    public void No_other_loop_counts_attempts() =>
        // A scratch server whose port somebody else took meanwhile takes another one.
        Assert.Equal(["Retry.cs", "ScratchPostgres.cs"], FilesWith(Counting()));

    [Fact]
    public void No_other_type_is_called_like_them() => Assert.Empty(FilesWith(Rivals()));

    [Fact]
    public void No_catch_of_everything_blames_a_dependency() => Assert.Empty(FilesWith(Blaming()));

    /// <summary>A fault does not know whether anybody tries again; who does, and logs it, says so.</summary>
    [Fact]
    public void No_fault_promises_another_attempt() => Assert.Equal(["CheckpointSchedule.cs", "Outages.cs"], FilesWith(Promising()));

    private static IEnumerable<string> FilesWith(Regex pattern) =>
        Sources.Where(source => pattern.IsMatch(source.Code)).Select(source => source.Name).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal);

    [GeneratedRegex(@"^\s*//.*$", RegexOptions.Multiline)]
    private static partial Regex Comments();

    [GeneratedRegex(@"\b(Task\.Delay|Thread\.Sleep)\(")]
    private static partial Regex Waiting();

    [GeneratedRegex(@"catch \([^)]*Exception[^)]*\)\s*when \([^\n]*(IsTransient|FaultKind\.Unreachable)")]
    private static partial Regex CatchingTransient();

    [GeneratedRegex(@"Math\.Pow\(|<<\s*Math\.Min\(|(?i:delay|pause|backoff)[\w.]*\s*(\*=|\*)\s*2\b")]
    private static partial Regex Growing();

    [GeneratedRegex(@"for \([^;)]*\b(attempts?|failures|retry|retries|refresh|tries)\b")]
    private static partial Regex Counting();

    [GeneratedRegex(@"\b(class|record|struct|enum) (RetryOptions|Backoff|JobFault|FaultKind\w+Kind)\b")]
    private static partial Regex Rivals();

    [GeneratedRegex(@"catch \(Exception( \w+)?\)\s*\{[^}]*new (Fault|PipelineException)\(FaultKind\.(?!Defect)")]
    private static partial Regex Blaming();

    [GeneratedRegex("\"[^\"\\n]*\\b[Ii]t (is|will be) (tried|read|written) again")]
    private static partial Regex Promising();
}
