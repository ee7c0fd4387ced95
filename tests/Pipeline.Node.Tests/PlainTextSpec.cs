using Pipeline.Configuration;
using Pipeline.Node.Composition;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>What is reached beyond this machine without encryption is said to be meant, whatever it is.</summary>
public sealed class PlainTextSpec : IDisposable
{
    private const string Kafka = """sources.events { type = kafka, bootstrap = "HOST:9092", commit-group-offsets = false, tables { clicks {} }""";

    private readonly ScratchDirectory _directory = new("pipeline-plain-");

    public PlainTextSpec() => File.Copy(Path.Combine(Repository.Root, "hocon", "akka.conf"), Path.Combine(_directory, "akka.conf"));

    /// <summary>Every setting that is an address of HTTP.</summary>
    public static TheoryData<string> Addresses => new()
    {
        """lake.s3.endpoint = "ADDRESS" """,
        """secrets.endpoint = "ADDRESS" """,
        """secrets.parameters-endpoint = "ADDRESS" """,
        """telemetry.cloudwatch { region = eu-central-1, endpoint = "ADDRESS" }""",
        """telemetry.otlp.endpoint = "ADDRESS" """,
        """transform.emr { region = eu-central-1, endpoint = "ADDRESS", cluster-id = j-1 }""",
        """transform.emr-serverless { region = eu-central-1, endpoint = "ADDRESS", application-id = "00f5", execution-role = "arn:aws:iam::123456789012:role/jobs" }""",
        Kafka + """, security.protocol = ssl, registry.url = "ADDRESS" }""",
        """sources.crm { type = snowflake, account-url = "ADDRESS", role = R, warehouse = W, database = D, schema = S, security { method = oauth, token-url = "https://idp", client-id = a, client-secret = b }, tables { t { table = T, watermark = U } } }""",
        """sources.crm { type = snowflake, account-url = "https://a.snowflakecomputing.com", role = R, warehouse = W, database = D, schema = S, security { method = oauth, token-url = "ADDRESS", client-id = a, client-secret = b }, tables { t { table = T, watermark = U } } }""",
    };

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(Kafka + " }", Kafka + ", security.protocol = plaintext }", "sources.events.security.protocol")]
    [InlineData(Kafka + """, security { username = a, password = b } }""", Kafka + """, security { protocol = sasl-plaintext, username = a, password = b } }""", "sources.events.security.protocol")]
    [InlineData(Kafka + """, security.protocol = plaintext, registry.url = "http://HOST:8081" }""", Kafka + """, security.protocol = plaintext, registry { url = "http://HOST:8081", plaintext = true } }""", "sources.events.registry.url")]
    [InlineData("""lake.s3.endpoint = "http://HOST:9000" """, """lake.s3 { endpoint = "http://HOST:9000", plaintext = true }""", "lake.s3.endpoint")]
    [InlineData("""secrets.endpoint = "http://HOST:4566" """, """secrets { endpoint = "http://HOST:4566", plaintext = true }""", "secrets.endpoint")]
    [InlineData("""secrets.parameters-endpoint = "http://HOST:4566" """, """secrets { parameters-endpoint = "http://HOST:4566", plaintext = true }""", "secrets.parameters-endpoint")]
    [InlineData("""telemetry.cloudwatch { region = eu-central-1, endpoint = "http://HOST:4566" }""", """telemetry.cloudwatch { region = eu-central-1, endpoint = "http://HOST:4566", plaintext = true }""", "telemetry.cloudwatch.endpoint")]
    [InlineData("""transform.emr { region = eu-central-1, endpoint = "http://HOST:4566", cluster-id = j-1 }""", """transform.emr { region = eu-central-1, endpoint = "http://HOST:4566", cluster-id = j-1, plaintext = true }""", "transform.emr.endpoint")]
    [InlineData("""transform.emr-serverless { region = eu-central-1, endpoint = "http://HOST:4566", application-id = "00f5", execution-role = "arn:aws:iam::123456789012:role/jobs" }""",
        """transform.emr-serverless { region = eu-central-1, endpoint = "http://HOST:4566", application-id = "00f5", execution-role = "arn:aws:iam::123456789012:role/jobs", plaintext = true }""", "transform.emr-serverless.endpoint")]
    public void It_is_refused_until_the_configuration_says_that_it_is_meant(string silent, string said, string path)
    {
        foreach (var host in (string[])["db.internal", "10.0.0.7", "localhost.example.com"])
        {
            var refused = Assert.Throws<ConfigurationException>(() => Load(silent, host));
            Assert.Contains(refused.Problems, problem => problem.Path == $"pipeline.{path}" && problem.Message.Contains("plain text", StringComparison.Ordinal));
            Load(said, host);
        }

        foreach (var host in (string[])["localhost", "127.0.0.1", "127.8.0.1"]) Load(silent, host);
    }

    [Theory]
    [MemberData(nameof(Addresses))]
    public void No_address_holds_a_secret_and_the_refusal_does_not_say_it(string setting)
    {
        foreach (var address in (string[])["https://user:hunter2@host.internal", "https://hunter2@host.internal:8081", "https://host.internal?key=hunter2", "htps//user:hunter2@host.internal", "ftp://host.internal?key=hunter2"])
        {
            var refused = Assert.Throws<ConfigurationException>(() => Load(setting.Replace("ADDRESS", address, StringComparison.Ordinal), "kafka.internal"));
            Assert.NotEmpty(refused.Problems);
            Assert.DoesNotContain("hunter2", refused.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Addresses))]
    public void What_is_no_address_is_refused_in_the_same_words_everywhere(string setting)
    {
        foreach (var address in (string[])["nowhere", "host.internal:9000", "s3://bucket", "//host.internal", "https://"])
        {
            var refused = Assert.Throws<ConfigurationException>(() => Load(setting.Replace("ADDRESS", address, StringComparison.Ordinal), "kafka.internal"));
            Assert.StartsWith($"'{address}' is not an address. Write {HttpAddress.Form}", Assert.Single(refused.Problems).Message, StringComparison.Ordinal);
        }
    }

    /// <summary>A reader of its own takes what another refuses, and says it in other words.</summary>
    [Fact]
    public void Addresses_of_HTTP_are_read_in_one_place()
    {
        // Brokers and nodes have no scheme of HTTP.
        string[] others = ["HttpAddress.cs", "KafkaSecurityOptions.cs", "ClusterOptions.cs"];
        var readers = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal) && !file.Contains("Emulation", StringComparison.Ordinal))
            .Where(file => File.ReadAllText(file) is var text && (text.Contains("Uri.TryCreate(", StringComparison.Ordinal) || text.Contains("UriSchemeHttp", StringComparison.Ordinal) || text.Contains(" is not an address. Write http", StringComparison.Ordinal)))
            .Select(Path.GetFileName).Except(others, StringComparer.Ordinal);

        Assert.Empty(readers);
    }

    [Fact]
    public void One_broker_of_many_is_enough()
    {
        var refused = Assert.Throws<ConfigurationException>(() => Load(Kafka + " }", "127.0.0.1:9092,kafka-2.internal"));

        Assert.Contains("kafka-2.internal:9092 would be read in plain text", Assert.Single(refused.Problems).Message, StringComparison.Ordinal);
    }

    private PipelineOptions Load(string settings, string host)
    {
        var path = Path.Combine(_directory, "pipeline.conf");
        File.WriteAllText(path, $"pipeline {{ name = plain, lake.location = \"./lake\"\n{settings.Replace("HOST", host, StringComparison.Ordinal)}\n}}");
        return PipelineOptions.Load(path, SourceKinds.All, lakeLocation: null, _ => null);
    }
}
