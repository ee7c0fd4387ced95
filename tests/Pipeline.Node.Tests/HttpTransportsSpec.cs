using System.Text.RegularExpressions;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>Every client of HTTP goes through the one transport that remembers servers' certificates.</summary>
public sealed partial class HttpTransportsSpec
{
    [Fact]
    public void No_client_has_a_transport_of_its_own()
    {
        var sources = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal) && !path.Contains("/bin/", StringComparison.Ordinal));

        Assert.DoesNotContain(sources, path => Own().IsMatch(File.ReadAllText(path)));
    }

    [GeneratedRegex(@"new HttpClient\((?!HttpTransport\.Worded)|new (SocketsHttpHandler|HttpClientHandler|WinHttpHandler)\b|new HttpClient\(\)|new HttpClient \{|HttpClient \w+ = new\(\)")]
    private static partial Regex Own();
}
