using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Ingest;

namespace Pipeline.Benchmarks;

/// <summary>
/// What freshness costs: how many commits and files a table that something comes to all the time gets with each profile, as the table's own log
/// has them, beside what the profile's settings come to.
/// </summary>
public sealed class ProfilePriceBenchmark : IBenchmark
{
    private const int RecordsPerSecond = 1_000;

    /// <summary>Files of one profile that are looked at, at least.</summary>
    private const int FilesLeast = 5;

    /// <summary>The first files of a reading are closed young, each when it is twice as old as the one before: not what an hour is like.</summary>
    private const int YoungFiles = 6;

    private static readonly TimeSpan FlowLeast = TimeSpan.FromSeconds(20);

    public string Name => "profile-price";

    public async Task<IReadOnlyList<Verdict>> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        var verdicts = new List<Verdict>();
        foreach (var profile in Enum.GetValues<IngestProfile>())
        {
            var age = IngestOptions.Of(profile).FileAgeMax;
            // Together the young ones are less than two ages.
            var flow = age * (FilesLeast + 3) > FlowLeast ? age * (FilesLeast + 3) : FlowLeast;
            var (commits, files) = await KafkaLatencyBenchmark.FlowAsync(profile, RecordsPerSecond, (int)flow.TotalSeconds, (lake, table) => MeasureAsync(lake, table, cancellationToken), cancellationToken);
            await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{profile}: {commits:#,0} commits and {files:#,0} files an hour; at most {TimeSpan.FromHours(1) / age:#,0} by its settings"));
            // One second of the flow more or less is one file more.
            verdicts.Add(Goal.AtMost($"{Name}-{profile.ToString().ToLowerInvariant()}", 1.05).Judge(commits / (TimeSpan.FromHours(1) / age)));
        }

        return verdicts;
    }

    /// <summary>An hour, by what lies between the first commit of the flow and the last.</summary>
    private static async Task<(double Commits, double Files)> MeasureAsync(Lake lake, TableId id, CancellationToken cancellationToken)
    {
        var table = (await lake.TryOpenAsync(id, cancellationToken))!;
        List<(DateTimeOffset At, int Files)> commits = [];
        await foreach (var (_, actions) in table.ChangesAsync(-1, table.Current.Version, cancellationToken))
            if (actions.OfType<CommitInfo>().FirstOrDefault() is { Timestamp: { } at, Operation: not "OPTIMIZE" } && actions.OfType<AddFile>().Count() is > 0 and var files) commits.Add((at, files));

        // What comes last is closed by the end of the flow.
        var flow = commits.Skip(YoungFiles).SkipLast(1).ToList();
        var hours = (flow[^1].At - flow[0].At).TotalHours;
        return ((flow.Count - 1) / hours, flow.Skip(1).Sum(commit => commit.Files) / hours);
    }
}
