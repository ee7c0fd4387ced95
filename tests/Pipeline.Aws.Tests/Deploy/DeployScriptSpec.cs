using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Aws.Tests.Deploy;

/// <summary><c>deploy/deploy.sh</c> with the real <c>aws</c> command, against an emulation of AWS.</summary>
public sealed partial class DeployScriptSpec : IAsyncDisposable
{
    private static readonly TimeSpan StartDeadline = Deadlines.Test;

    private readonly ScratchDirectory _directory = new("pipeline-deploy-");
    private OutsideProgram? _cloud;
    private Uri? _url;
    private string _parameters = "# nothing yet\nLogDays=30\n";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stack_is_shown_made_and_reported_and_nothing_is_destroyed_while_the_lake_has_something_in_it()
    {
        await StartAsync();

        var deployed = await RunAsync("--yes", "storage");

        Assert.True(deployed.ExitCode == 0, deployed.Said);
        Assert.Matches(@"Add.*LakeBucket .*AWS::S3::Bucket", deployed.Said);
        Assert.Contains("LakeBucket\tshop-123456789012-eu-central-1-lake", deployed.Said, StringComparison.Ordinal);
        Assert.Contains("--lake s3://shop-123456789012-eu-central-1-lake/lake", deployed.Said, StringComparison.Ordinal);

        const string Lake = "shop-123456789012-eu-central-1-lake";
        await AwsAsync("s3api", "put-object", "--bucket", Lake, "--key", "lake/_pipeline/lake.json");
        var refused = await RunAsync("--yes", "--destroy");

        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("shop-123456789012-eu-central-1-lake is not empty (lake/_pipeline/lake.json). Nothing was destroyed.", refused.Said, StringComparison.Ordinal);
        await AwsAsync("s3api", "head-object", "--bucket", Lake, "--key", "lake/_pipeline/lake.json");
    }

    [Fact]
    public async Task All_stacks_are_made_one_from_what_the_other_has_made_and_taken_away_again()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1", "The aws command is started some eighty times: PIPELINE_NIGHTLY=1.");
        await StartAsync();
        var vpc = await AwsAsync("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16", "--query", "Vpc.VpcId", "--output", "text");
        var subnet = await AwsAsync("ec2", "create-subnet", "--vpc-id", vpc, "--cidr-block", "10.0.0.0/24", "--query", "Subnet.SubnetId", "--output", "text");
        var group = await AwsAsync("ec2", "create-security-group", "--group-name", "endpoints", "--description", "endpoints", "--vpc-id", vpc, "--query", "GroupId", "--output", "text");
        string[] secrets = ["MaskKey", "AppDbPassword", "SnowflakeClientSecret", "KafkaPassword", "Journal", "ClusterCa", "ClusterCertificate", "ClusterKey"];
        // What the emulation does not make has a name all the same.
        _parameters = $"Vpc={vpc}\nSubnets={subnet}\nEndpointsSecurityGroup={group}\nS3PrefixList=pl-1\nKafkaCidr=10.9.0.0/24\nImage=pipeline@sha256:{new string('0', 64)}\n"
            + string.Concat(secrets.Select(secret => $"{secret}Arn=arn:aws:secretsmanager:eu-central-1:123456789012:secret:pipeline/shop/{secret}\n"));
        var settings = Path.Combine(_directory, "settings.env");
        await File.WriteAllTextAsync(settings, "KAFKA_BOOTSTRAP=kafka:9093\n", Cancel);

        var deployed = await RunAsync("--yes", "--engine", "emr", "--settings", settings);

        Assert.True(deployed.ExitCode == 0, deployed.Said);
        Assert.Equal(["storage", "registry", "network", "secrets", "roles", "emr", "monitoring", "service"], Changed().Matches(deployed.Said).Select(changed => changed.Groups["stack"].Value));
        Assert.Contains("aws logs tail /pipeline/shop/nodes --follow", deployed.Said, StringComparison.Ordinal);
        Assert.Contains("KAFKA_BOOTSTRAP", await AwsAsync("s3", "cp", "s3://shop-123456789012-eu-central-1-artifacts/service/shop.env", "-"), StringComparison.Ordinal);

        await File.WriteAllTextAsync(settings, "KAFKA_PASSWORD=hunter2\n", Cancel);
        var secret = await RunAsync("--yes", "--engine", "emr", "--settings", settings);
        Assert.Equal(1, secret.ExitCode);
        Assert.DoesNotContain("hunter2", secret.Said, StringComparison.Ordinal);

        var destroyed = await RunAsync("--yes", "--destroy");
        Assert.True(destroyed.ExitCode == 0, destroyed.Said);
        Assert.Equal("", await AwsAsync("cloudformation", "describe-stacks", "--query", "Stacks[].StackName", "--output", "text"));
    }

    [Theory]
    [InlineData("there is no option '--destory'", 64, "--destory")]
    [InlineData("--engine is none, emr or emr-serverless", 1, "--engine", "spark")]
    [InlineData("none of bucket is a stack of this pipeline: storage registry network secrets roles monitoring service", 1, "bucket")]
    public async Task What_is_not_meant_is_refused_before_anybody_is_asked(string said, int exitCode, params string[] arguments)
    {
        _url = new Uri("http://127.0.0.1:9");

        var run = await RunAsync(arguments);

        Assert.SkipWhen(run.Said.Contains("the aws command is missing", StringComparison.Ordinal), run.Said);
        Assert.Contains(said, run.Said, StringComparison.Ordinal);
        Assert.Equal(exitCode, run.ExitCode);
    }

    public async ValueTask DisposeAsync()
    {
        if (_cloud is not null) await _cloud.DisposeAsync();
        _directory.Dispose();
    }

    private async Task StartAsync()
    {
        _cloud = OutsideProgram.TryStart("python3", ["-u", Path.Combine(Repository.Root, "tests", "Pipeline.Aws.Tests", "Deploy", "stacks.py"), "serve"]);
        Assert.SkipWhen(_cloud is null, "There is no python3.");
        var listening = await _cloud.WaitForLineAsync(line => Listening().IsMatch(line), StartDeadline, Cancel);
        Assert.SkipWhen(listening is null, "python3 has no moto.server (pip install 'moto[server]').");
        _url = new Uri(Listening().Match(listening).Groups["url"].Value);
        await using var aws = OutsideProgram.TryStart("aws", ["--version"]);
        Assert.SkipWhen(aws is null || (await aws.WaitForExitAsync(Cancel)).ExitCode != 0, "There is no aws command.");
    }

    private async Task<(int ExitCode, string Said)> RunAsync(params string[] arguments)
    {
        var parameters = Path.Combine(_directory, "parameters");
        await File.WriteAllTextAsync(parameters, _parameters, Cancel);
        await using var script = OutsideProgram.TryStart(Path.Combine(Stacks.Folder, "deploy.sh"), ["--name", "shop", "--parameters", parameters, .. arguments], Surroundings)!;
        var (exitCode, lines) = await script.WaitForExitAsync(Cancel);
        return (exitCode, string.Join('\n', lines));
    }

    private async Task<string> AwsAsync(params string[] arguments)
    {
        await using var aws = OutsideProgram.TryStart("aws", arguments, Surroundings)!;
        var (exitCode, lines) = await aws.WaitForExitAsync(Cancel);
        Assert.True(exitCode == 0, string.Join('\n', lines));
        return string.Join('\n', lines);
    }

    private Dictionary<string, string> Surroundings => new(StringComparer.Ordinal)
    {
        ["AWS_ENDPOINT_URL"] = _url!.ToString(), ["AWS_ACCESS_KEY_ID"] = "test", ["AWS_SECRET_ACCESS_KEY"] = "test", ["AWS_REGION"] = "eu-central-1", ["AWS_DEFAULT_REGION"] = "eu-central-1", ["AWS_PAGER"] = "",
    };

    [GeneratedRegex(@"Running on (?<url>http://127\.0\.0\.1:\d+)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant)]
    private static partial Regex Listening();

    [GeneratedRegex(@"^pipeline-shop-(?<stack>[a-z-]+): what changes$", RegexOptions.ExplicitCapture | RegexOptions.Multiline)]
    private static partial Regex Changed();
}
