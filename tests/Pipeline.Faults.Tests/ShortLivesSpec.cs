using System.Globalization;
using static Pipeline.Faults.Tests.KafkaScene;

namespace Pipeline.Faults.Tests;

/// <summary>A crash loop, or a probe without patience: no life lasts until a file is as old as is configured.</summary>
public sealed class ShortLivesSpec
{
    private static readonly bool IsNightly = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1";

    /// <summary>
    /// As it is shipped, each life is killed a second and a half after its first file. The small form has an age that no life
    /// reaches on any machine, and ends a life as soon as it has got forward.
    /// </summary>
    private static readonly (TimeSpan FileAgeMax, int Lives, TimeSpan Lasts) Form =
        IsNightly ? (TimeSpan.FromSeconds(2), 10, TimeSpan.FromSeconds(1.5)) : (TimeSpan.FromSeconds(30), 3, TimeSpan.FromSeconds(25));

    [Fact]
    public async Task Lives_that_are_killed_soon_after_their_first_file_get_forward_with_each_or_every_other()
    {
        using var deadline = Deadline();
        await using var scene = new KafkaScene(recordsPerSecond: 2_000);
        List<long> committed = [await scene.CommittedAsync()];
        for (var life = 0; life < Form.Lives; life++)
        {
            var files = scene.DataFiles();
            await using var node = scene.StartNode(ingest: $"file-age-max = {Form.FileAgeMax.TotalSeconds:0}s");
            await UntilAsync(() => scene.DataFiles().Any(file => !files.Contains(file)), deadline.Token);
            var begun = TimeProvider.System.GetTimestamp();
            while (TimeProvider.System.GetElapsedTime(begun) < Form.Lasts && (IsNightly || await scene.CommittedAsync() == committed[^1])) await Task.Delay(50, deadline.Token);
            node.Kill();
            await node.ExitAsync(deadline.Token);
            committed.Add(await scene.CommittedAsync());
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"Records committed after each life: {string.Join(", ", committed.Select(records => records.ToString(CultureInfo.InvariantCulture)))}.");
        Assert.All(committed.Zip(committed.Skip(2)), lives => Assert.True(lives.Item2 > lives.Item1, string.Join(", ", committed)));
        await using var last = scene.StartNode();
        await scene.AssertEndsExactlyOnceAsync(last, deadline.Token);
    }
}
