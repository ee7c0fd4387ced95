using System.Net.Http.Json;
using System.Text.Json;
using Pipeline.Core;
using Pipeline.Emulation.Kafka;
using Pipeline.Node.Cli;
using Pipeline.Node.Composition;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>A source whose password is kept by AWS.</summary>
public sealed class AwsSecretsSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("aws-secrets-");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task It_is_reached_with_the_value_as_it_is_now_and_the_value_is_never_said()
    {
        var (moto, missing) = await MotoServer.TryStartAsync(Cancel);
        Assert.SkipWhen(moto is null, missing);
        await using var aws = moto;
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", "test");
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", "test");
        await using var kafka = EmbeddedKafka.Start(brokers: 1, hasTopicIds: false, ("orders", 1));
        await using var gateway = KafkaGateway.Start(kafka, "f1rst-value", new KafkaGatewayOptions { Mechanism = "SCRAM-SHA-512", Username = "pipeline" });
        await PutAsync(aws.Url, "CreateSecret", new { Name = "pipeline/shop/kafka", SecretString = """{"password":"f1rst-value"}""" });
        File.Copy(Path.Combine(Repository.Root, "hocon", "akka.conf"), Path.Combine(_directory, "akka.conf"));
        var config = Path.Combine(_directory, "pipeline.conf");
        await File.WriteAllTextAsync(config, $$"""
            pipeline {
              name = shop, lake.location = "{{Path.Combine(_directory, "lake")}}"
              secrets { region = eu-central-1, endpoint = "{{aws.Url}}", refresh = 100ms }
              sources.events {
                type = kafka, bootstrap = "{{gateway.Bootstrap}}", commit-group-offsets = false
                security { protocol = sasl-plaintext, username = pipeline, password = "secret:aws:pipeline/shop/kafka#password" }
                tables.orders { format = json }
              }
            }
            """, Cancel);

        var first = await NodeRun.OfAsync("check", "--config", config);
        var secrets = PipelineOptions.Load(config, SourceKinds.All, lakeLocation: null, _ => null).Secrets;
        var secret = new Secret("secret:aws:pipeline/shop/kafka#password");
        Assert.Equal("f1rst-value", await secrets.RevealAsync(secret, Cancel));
        await PutAsync(aws.Url, "PutSecretValue", new { SecretId = "pipeline/shop/kafka", SecretString = """{"password":"s3cond-value"}""" });
        var before = await NodeRun.OfAsync("check", "--config", config);
        gateway.Password = "s3cond-value";
        var second = await NodeRun.OfAsync("check", "--config", config);
        while (await secrets.RevealAsync(secret, Cancel) == "f1rst-value") await Task.Delay(50, Cancel);

        Assert.True(first.ExitCode == ExitCode.Done, first.Data + first.Messages);
        Assert.True(second.ExitCode == ExitCode.Done, second.Data + second.Messages);
        Assert.True(before.ExitCode != ExitCode.Done, before.Data + before.Messages);
        Assert.All((NodeRun[])[first, before, second], run => Assert.DoesNotContain("-value", run.Data + run.Messages, StringComparison.Ordinal));
    }

    /// <summary>By a request of the test's own.</summary>
    private static async Task PutAsync(Uri url, string operation, object content)
    {
        using var http = new HttpClient { BaseAddress = url };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/") { Content = JsonContent.Create(content, options: JsonSerializerOptions.Default) };
        request.Headers.Add("X-Amz-Target", $"secretsmanager.{operation}");
        request.Headers.TryAddWithoutValidation("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0");
        using var response = await http.SendAsync(request, Cancel);
        response.EnsureSuccessStatusCode();
    }
}
