using Pipeline.Configuration;
using Pipeline.Testing;

namespace Pipeline.Ingest.Tests;

/// <summary>A profile gives defaults; what is written wins.</summary>
public sealed class IngestOptionsSpec
{
    [Fact]
    public void Without_a_profile_it_is_balanced()
    {
        Assert.Equal(new IngestOptions(), Bind(""));
        Assert.Equal(Bind("profile = balanced"), Bind(""));
    }

    [Theory]
    [InlineData("quick", IngestProfile.Quick, 64L << 20, 1000, 100, 1, 300)]
    [InlineData("low-latency", IngestProfile.LowLatency, 64L << 20, 250, 50, 2, 60)]
    [InlineData("bulk", IngestProfile.Bulk, 256L << 20, 30_000, 2_000, 2, 600)]
    public void A_profile_decides_when_files_are_closed_and_committed(string written, IngestProfile profile, long fileBytes, int fileAgeMs, int commitMs, int depth, int compactSeconds)
    {
        var options = Bind($"profile = {written}");

        Assert.Equal(new IngestOptions
        {
            Profile = profile,
            FileBytesMax = fileBytes,
            FileAgeMax = TimeSpan.FromMilliseconds(fileAgeMs),
            CommitInterval = TimeSpan.FromMilliseconds(commitMs),
            PipelineDepth = depth,
            CompactInterval = TimeSpan.FromSeconds(compactSeconds),
        }, options);
    }

    /// <summary>A flow that never ends fills a file for as long as it may be open, and each is a commit of its own where commits come faster.</summary>
    [Fact]
    public void The_price_of_each_profile_is_as_it_is_documented()
    {
        var rows = File.ReadLines(Path.Combine(Repository.Root, "docs", "kafka.md")).Where(line => line.StartsWith("| | `balanced`", StringComparison.Ordinal) || line.StartsWith("| commits and files an hour", StringComparison.Ordinal))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries)[2..^1]).ToList();

        var documented = rows[0].Zip(rows[1], (profile, price) => (profile.Trim('`'), price)).ToList();

        Assert.Equal(Enum.GetValues<IngestProfile>().Select(profile => (NameOf(profile), (TimeSpan.FromHours(1) / IngestOptions.Of(profile).FileAgeMax).ToString("#,0", System.Globalization.CultureInfo.InvariantCulture))), documented);
        Assert.All(Enum.GetValues<IngestProfile>(), profile => Assert.True(IngestOptions.Of(profile).CommitInterval < IngestOptions.Of(profile).FileAgeMax));

        static string NameOf(IngestProfile profile) => profile == IngestProfile.LowLatency ? "low-latency" : profile.ToString().ToLowerInvariant();
    }

    [Fact]
    public void A_setting_that_is_written_wins_over_the_profile_wherever_it_stands()
    {
        var options = Bind("file-age-max = 1s, profile = low-latency, compact-interval = 5m");

        Assert.Equal((IngestProfile.LowLatency, 1.0, 50.0, 5.0),
            (options.Profile, options.FileAgeMax.TotalSeconds, options.CommitInterval.TotalMilliseconds, options.CompactInterval.TotalMinutes));
    }

    [Theory]
    [InlineData("profile = low_latency", "ingest.profile: 'low_latency' is not allowed. Allowed: balanced, quick, low-latency, bulk. Did you mean 'low-latency'?")]
    [InlineData("profile = bulk, file-age-max = 2h", "ingest.file-age-max")]
    [InlineData("compression = gzip", "ingest.compression: 'gzip' is no compression of data files. Write snappy, zstd, or zstd-1 to zstd-22")]
    [InlineData("compression = zstd-23", "ingest.compression: 'zstd-23' is no compression")]
    [InlineData("compression = snappy-3", "ingest.compression: 'snappy-3' is no compression")]
    public void A_wrong_setting_is_named_with_what_is_right(string settings, string problem)
    {
        var problems = new List<ConfigProblem>();

        IngestOptions.Bind(Settings(settings, problems));

        Assert.Contains(problems, found => found.ToString().Contains(problem, StringComparison.Ordinal));
    }

    [Fact]
    public void No_attempts_after_the_first_one_stays_what_it_was_and_is_told()
    {
        var problems = new List<ConfigProblem>();
        var settings = Settings("retry { attempts-max = 0 }", problems);

        var options = IngestOptions.Bind(settings);

        Assert.Null(options.Retry.Next(failures: 1));
        Assert.Empty(problems);
        Assert.Equal("pipeline.conf:1: ingest.retry.attempts-max: 0 meant that nothing is tried again, and means that there is no end, as in every other section. "
            + "It is read as 1 by this release, not by the next: write 1", Assert.Single(settings.Notes.Notices).ToString());
        Assert.Null(Bind("retry { backoff-min = 1s }").Retry.AttemptsMax);
        Assert.Equal(7, Bind("retry { attempts-max = 7 }").Retry.AttemptsMax);
    }

    private static IngestOptions Bind(string settings)
    {
        var problems = new List<ConfigProblem>();
        var options = IngestOptions.Bind(Settings(settings, problems));
        Assert.Empty(problems);
        return options;
    }

    private static SettingsReader Settings(string text, List<ConfigProblem> problems) => new(HoconReader.Read("pipeline.conf", _ => text, _ => null), "ingest", problems);
}
