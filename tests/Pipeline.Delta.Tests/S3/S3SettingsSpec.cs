using Pipeline.Configuration;
using Pipeline.Delta.Storage;

namespace Pipeline.Delta.Tests.S3;

public sealed class S3SettingsSpec
{
    [Fact]
    public void An_empty_section_is_amazons_s3()
    {
        var (options, problems) = Bind([]);

        Assert.Empty(problems);
        Assert.Equal(new S3Options(), options);
        Assert.Null(options.Endpoint);
    }

    [Fact]
    public void Every_setting_is_bound()
    {
        var (options, problems) = Bind(new()
        {
            ["endpoint"] = "http://127.0.0.1:9000", ["region"] = "us-east-1", ["path-style"] = "true", ["checksums"] = "when-supported",
            ["sse"] = "kms", ["kms-key"] = "alias/lake", ["request-timeout"] = "5s", ["part-bytes"] = "16 MiB",
        });

        Assert.Empty(problems);
        Assert.Equal(new S3Options
        {
            Endpoint = new Uri("http://127.0.0.1:9000"),
            Region = "us-east-1",
            PathStyle = true,
            Checksums = S3Checksums.WhenSupported,
            Encryption = S3Encryption.Kms,
            KmsKey = "alias/lake",
            RequestTimeout = TimeSpan.FromSeconds(5),
            PartBytes = 16 << 20,
        }, options);
    }

    [Fact]
    public void How_a_request_is_tried_again_is_bound()
    {
        var (options, problems) = Bind([], ("retry", new() { ["backoff-min"] = "10ms", ["backoff-max"] = "1s", ["attempts-max"] = "3", ["time-max"] = "5s" }));
        var (_, wrong) = Bind([], ("retry", new() { ["backoff-min"] = "2s", ["backoff-max"] = "1s" }));

        Assert.Empty(problems);
        Assert.Equal(new S3Options().Retry with
        {
            BackoffMin = TimeSpan.FromMilliseconds(10), BackoffMax = TimeSpan.FromSeconds(1), AttemptsMax = 3, TimeMax = TimeSpan.FromSeconds(5),
        }, options.Retry);
        Assert.Equal("lake.s3.retry.backoff-max", Assert.Single(wrong).Path);
    }

    [Theory]
    [InlineData("endpoint", "localhost:9000", "is not an address")]
    [InlineData("sse", "aes", "Allowed: none, s3, kms")]
    [InlineData("kms-key", "alias/lake", "is used with sse = kms only")]
    [InlineData("part-bytes", "1 MiB", "too small")]
    [InlineData("end-point", "x", "Did you mean 'endpoint'?")]
    public void A_wrong_setting_is_reported(string key, string value, string message)
    {
        var (_, problems) = Bind(new() { [key] = value });

        var problem = Assert.Single(problems);
        Assert.Equal($"lake.s3.{key}", problem.Path);
        Assert.Contains(message, problem.Message);
    }

    [Fact]
    public void A_location_chooses_the_store()
    {
        Assert.IsType<LocalObjectStore>(ObjectStores.Open("lake", new S3Options(), TimeProvider.System));
        using var store = Assert.IsType<S3ObjectStore>(ObjectStores.Open("s3://bucket/lake", new S3Options(), TimeProvider.System));
        Assert.Equal("s3://bucket/lake", store.Location);
        Assert.Null(store.LocalPath("a"));
    }

    private static (S3Options Options, List<ConfigProblem> Problems) Bind(Dictionary<string, string> settings, params (string Name, Dictionary<string, string> Settings)[] sections)
    {
        var problems = new List<ConfigProblem>();
        var values = settings.ToDictionary(field => field.Key, ConfigValue (field) => new ConfigScalar(field.Value, default));
        foreach (var (name, inner) in sections)
            values.Add(name, new ConfigObject(inner.ToDictionary(field => field.Key, ConfigValue (field) => new ConfigScalar(field.Value, default)), default));
        var section = new ConfigObject(values, default);
        return (ObjectStores.BindS3(new SettingsReader(section, "lake.s3", problems)), problems);
    }
}
