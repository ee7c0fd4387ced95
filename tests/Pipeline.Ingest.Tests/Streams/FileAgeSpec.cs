using Pipeline.Ingest.Streams;
using Pipeline.Ingest.Tests.Simulation;

namespace Pipeline.Ingest.Tests.Streams;

public sealed class FileAgeSpec
{
    /// <summary>A file that is closed and its commit, together.</summary>
    private static readonly TimeSpan CommitTakes = TimeSpan.FromMilliseconds(400);

    [Fact]
    public void The_first_files_of_a_reading_are_young_and_later_ones_as_old_as_configured()
    {
        var age = new FileAge(TimeSpan.FromSeconds(2));
        var ages = new List<double>();
        for (var file = 0; file < 8; file++)
        {
            ages.Add(age.Current.TotalSeconds);
            age.Closed();
        }

        Assert.Equal([0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2], ages);
    }

    [Theory]
    [InlineData(IngestProfile.LowLatency)]
    [InlineData(IngestProfile.Balanced)]
    public void Lives_that_end_before_a_file_is_as_old_as_configured_get_forward_each(IngestProfile profile)
    {
        var max = IngestOptions.Of(profile).FileAgeMax;
        var random = new Random(1);
        var committed = 0L;
        for (var life = 0; life < 10; life++)
        {
            var before = committed;
            committed = Live(new FileAge(max), committed, TimeSpan.FromMilliseconds(random.Next(600, 1_500)));

            Assert.True(committed > before, $"Life {life} has committed nothing.");
        }
    }

    /// <summary>Reads 200,000 rows a second from where the lake is, until it is killed.</summary>
    private static long Live(FileAge age, long committed, TimeSpan life)
    {
        var time = new VirtualTime();
        var start = committed;

        void Open(TimeSpan openedAt, long from) => time.After(age.Current, () =>
        {
            var read = start + (long)(time.Now.TotalSeconds * 200_000);
            age.Closed();
            time.After(CommitTakes, () => committed = Math.Max(committed, read));
            Open(time.Now, read);
        });

        Open(TimeSpan.Zero, committed);
        while (time.Step(life))
        {
        }

        return committed;
    }
}
