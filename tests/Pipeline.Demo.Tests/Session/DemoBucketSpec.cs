using Pipeline.Core;
using Pipeline.Delta.Storage;
using Pipeline.Demo.Session;
using Pipeline.Testing;

namespace Pipeline.Demo.Tests.Session;

/// <summary>Which lakes in a bucket a demo takes for its own. Any store stands for the bucket.</summary>
public sealed class DemoBucketSpec : IDisposable
{
    private readonly ScratchDirectory _root = new("pipeline-demo-bucket-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Servers => Path.Combine(_root, "servers");

    public void Dispose() => _root.Dispose();

    [Fact]
    public async Task A_demo_is_resumed_where_its_servers_and_its_lake_are()
    {
        var bucket = Bucket("lake");
        await RunAsync(bucket, Servers);

        using var directory = await DemoDirectory.OpenAsync(bucket, Servers, isResume: true, Cancel);

        Assert.Equal((true, bucket.Location), (directory.IsResumed, directory.Lake));
        Assert.NotNull(await bucket.TryGetAsync("file", Cancel));
        Assert.StartsWith(Servers, directory.Servers, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_demo_replaces_the_one_before_in_the_bucket_and_in_its_servers()
    {
        var bucket = Bucket("lake");
        await RunAsync(bucket, Servers);

        using (var directory = await DemoDirectory.OpenAsync(bucket, Servers, isResume: false, Cancel))
        {
            Assert.False(directory.IsResumed);
            Assert.False(File.Exists(Path.Combine(directory.Servers, "manifest.json")));
        }

        Assert.Null(await bucket.TryGetAsync("file", Cancel));
        // It is still this directory's.
        using var again = await DemoDirectory.OpenAsync(bucket, Servers, isResume: false, Cancel);
    }

    [Fact]
    public async Task A_demo_in_a_bucket_is_replaced_only_when_whoever_is_asked_says_so()
    {
        var bucket = Bucket("lake");
        var asked = new List<string>();
        await RunAsync(bucket, Servers, AnswerTo(asked, answer: false));
        Assert.Empty(asked);

        var kept = await Assert.ThrowsAsync<PipelineException>(() => DemoDirectory.OpenAsync(bucket, Servers, isResume: false, Cancel, AnswerTo(asked, answer: false)));

        Assert.Equal(($"Demo in {bucket.Location}", "it is kept"), (kept.Thing, kept.Cause));
        Assert.Equal(bucket.Location, Assert.Single(asked));
        Assert.NotNull(await bucket.TryGetAsync("file", Cancel));

        // What was kept can go on, of which nobody is asked.
        using (var resumed = await DemoDirectory.OpenAsync(bucket, Servers, isResume: true, Cancel, AnswerTo(asked, answer: false)))
            Assert.True(resumed.IsResumed);
        Assert.Single(asked);

        using (var replaced = await DemoDirectory.OpenAsync(bucket, Servers, isResume: false, Cancel, AnswerTo(asked, answer: true)))
            Assert.False(replaced.IsResumed);
        Assert.Equal([bucket.Location, bucket.Location], asked);
        Assert.Null(await bucket.TryGetAsync("file", Cancel));
    }

    [Fact]
    public async Task Where_the_lake_is_gone_a_resumed_demo_begins_afresh_with_its_servers()
    {
        await RunAsync(Bucket("lake"), Servers);
        Directory.Move(Path.Combine(_root, "lake"), Path.Combine(_root, "gone"));

        using var directory = await DemoDirectory.OpenAsync(Bucket("lake"), Servers, isResume: true, Cancel);

        Assert.False(directory.IsResumed);
        Assert.False(File.Exists(Path.Combine(directory.Servers, "manifest.json")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_no_demo_of_the_directory_made_is_left_alone(bool isOfAnotherDemo)
    {
        var bucket = Bucket("lake");
        if (isOfAnotherDemo) await RunAsync(bucket, Path.Combine(_root, "others"));
        else await bucket.PutAsync("file", "years of work"u8.ToArray(), Cancel);

        foreach (var isResume in new[] { false, true })
        {
            var fault = await Assert.ThrowsAsync<PipelineException>(() => DemoDirectory.OpenAsync(bucket, Servers, isResume, Cancel));

            Assert.Equal((FaultKind.Invalid, "it is not empty and no demo of this directory made it"), (fault.Kind, fault.Cause));
            Assert.Contains("--servers", fault.NextStep, StringComparison.Ordinal);
        }

        Assert.NotNull(await bucket.TryGetAsync("file", Cancel));
    }

    [Fact]
    public async Task Servers_of_a_demo_whose_lake_is_elsewhere_are_left_alone()
    {
        await RunAsync(Bucket("lake"), Servers);
        var lake = Path.Combine(_root, "a lake in a directory");
        Directory.CreateDirectory(Path.Combine(lake, ".demo"));
        File.WriteAllText(Path.Combine(lake, ".demo", "manifest.json"), Manifest);

        var ofBucket = await Assert.ThrowsAsync<PipelineException>(() => DemoDirectory.OpenAsync(Bucket("other"), Servers, isResume: false, Cancel));
        var ofDirectory = await Assert.ThrowsAsync<PipelineException>(() => DemoDirectory.OpenAsync(Bucket("other"), lake, isResume: false, Cancel));
        var asDirectory = Assert.Throws<PipelineException>(() => DemoDirectory.Open(Servers, isResume: false));

        Assert.Equal($"a demo whose lake is in {Bucket("lake").Location} has its servers there", ofBucket.Cause);
        Assert.Equal("a demo whose lake is in it has its servers there", ofDirectory.Cause);
        Assert.Equal(ofBucket.Cause, asDirectory.Cause);
        Assert.True(File.Exists(Path.Combine(Servers, ".demo", "manifest.json")) && File.Exists(Path.Combine(lake, ".demo", "manifest.json")));
    }

    [Fact]
    public async Task One_demo_at_a_time()
    {
        using var running = await DemoDirectory.OpenAsync(Bucket("lake"), Servers, isResume: false, Cancel);

        Assert.Equal("another demo is running in it", (await Assert.ThrowsAsync<PipelineException>(() => DemoDirectory.OpenAsync(Bucket("lake"), Servers, isResume: true, Cancel))).Cause);
    }

    private const string Manifest = """{ "seed": 1, "baseTime": "2026-03-02T12:00:00Z", "rowsPerTick": 20, "ticks": 1 }""";

    private LocalObjectStore Bucket(string name) => new(Path.Combine(_root, name));

    private static Func<string, bool> AnswerTo(List<string> asked, bool answer) => location =>
    {
        asked.Add(location);
        return answer;
    };

    private static async Task RunAsync(LocalObjectStore bucket, string servers, Func<string, bool>? mayReplace = null)
    {
        using var directory = await DemoDirectory.OpenAsync(bucket, servers, isResume: false, Cancel, mayReplace);
        await bucket.PutAsync("file", "{}"u8.ToArray(), Cancel);
        await File.WriteAllTextAsync(Path.Combine(directory.Servers, "manifest.json"), Manifest, Cancel);
    }
}
