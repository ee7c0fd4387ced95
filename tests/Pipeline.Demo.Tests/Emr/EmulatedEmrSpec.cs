using Pipeline.Delta.Storage;
using Pipeline.Demo.Emr;

namespace Pipeline.Demo.Tests.Emr;

/// <summary>An emulation that a demo before has left is gone on with only if it reaches the same buckets in the same way.</summary>
public sealed class EmulatedEmrSpec
{
    private static readonly S3Options Amazon = new() { Region = "eu-central-1" };
    private static readonly S3Options Other = new() { Region = "eu-central-1", Endpoint = new Uri("http://127.0.0.1:9000"), PathStyle = true };

    public static TheoryData<string> Names => ["directory", "amazon", "another region", "another S3", "hosts", "another port"];

    [Theory]
    [MemberData(nameof(Names))]
    public void It_is_known_by_what_it_was_started_with(string name)
    {
        string[] command = ["/usr/bin/dotnet", "/app/pipeline-emr.dll", "serve", "--state", "/lake/.demo/emr", "--jobs-max", "2", .. EmulatedEmr.ArgumentsOf(Of(name))];

        Assert.Equal([name], Names.Select(row => row.Data).Where(other => EmulatedEmr.IsTold(command, Of(other))));
    }

    private static S3Options? Of(string name) => name switch
    {
        "directory" => null,
        "amazon" => Amazon,
        "another region" => Amazon with { Region = "eu-west-1" },
        "another S3" => Other,
        "hosts" => Other with { PathStyle = false },
        _ => Other with { Endpoint = new Uri("http://127.0.0.1:9001") },
    };
}
