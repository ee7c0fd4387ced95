using System.Globalization;
using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Core.Tests;

/// <summary>What tests wait for comes late on a machine that is loaded.</summary>
public sealed partial class DeadlineSpec
{
    private const double MinutesMin = 15;

    /// <summary>Benchmarks measure times, a mutant may not end, and an answer that is asked for again in a circle may be late once.</summary>
    private static readonly string[] Others = ["Pipeline.Benchmarks", "SpecRunner.cs", "CoordinatorNode.cs"];

    [Fact]
    public void No_test_fails_because_others_run_beside_it()
    {
        var hasty = Directory.EnumerateFiles(Path.Combine(Repository.Root, "tests"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal) && !Others.Any(other => file.Contains(other, StringComparison.Ordinal)))
            .SelectMany(file => File.ReadLines(file).Select((line, i) => (Where: $"{Path.GetFileName(file)}:{i + 1}", Waits: Wait().Match(line))))
            .Where(line => line.Waits.Success && Minutes(line.Waits) < MinutesMin)
            .Select(line => $"{line.Where}: {line.Waits.Value}");

        Assert.Empty(hasty);
    }

    private static double Minutes(Match wait)
    {
        var number = double.Parse(wait.Groups["number"].Value, CultureInfo.InvariantCulture);
        return wait.Groups["unit"].Value switch { "Hours" => number * 60, "Minutes" => number, "Seconds" => number / 60, _ => number / 60_000 };
    }

    [GeneratedRegex(@"(CancelAfter\(|WaitAsync\(|new CancellationTokenSource\(|\.Ask<.*, |\.Consume\(|WaitForLineAsync\(.*, |\.Wait\(|[Ee]lapsed(Time\(\w+\))? <=? |(Deadline|Patience)\w* =>? )TimeSpan\.From(?<unit>Milliseconds|Seconds|Minutes|Hours)\((?<number>[0-9._]+)\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Wait();
}
