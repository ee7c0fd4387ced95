using System.Text.RegularExpressions;

namespace Pipeline.Transform.Engines.Emr;

/// <summary>Leaves out of a foreign text what may be a secret: logs are shown to people and go to places where others read.</summary>
internal static partial class Secrets
{
    private const string Instead = "***";

    public static string LeaveOut(string text) =>
        LongToken().Replace(Named().Replace(Bearer().Replace(KeyId().Replace(UserInfo().Replace(Query().Replace(text, Instead), $"{Instead}@"), Instead), Instead), Instead), Instead);

    /// <summary>What makes a URL presigned.</summary>
    [GeneratedRegex(@"(?<=[?&](?:X-Amz-[\w-]+|AWSAccessKeyId|Signature|sig|se|sv|token)=)[^&\s""'<>]+", RegexOptions.IgnoreCase)]
    private static partial Regex Query();

    /// <summary>User and password of a URI.</summary>
    [GeneratedRegex(@"(?<=\w://)[^/@\s""']+@")]
    private static partial Regex UserInfo();

    [GeneratedRegex(@"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b", RegexOptions.ExplicitCapture)]
    private static partial Regex KeyId();

    [GeneratedRegex(@"(?<=\b(?:Bearer|Basic)\s)[A-Za-z0-9._~+/=-]{8,}")]
    private static partial Regex Bearer();

    [GeneratedRegex(@"(?<=(?:secret|password|passwd|pwd|token|access[._-]?key|api[._-]?key|credentials?)[\w.-]{0,40}[""']?\s{0,3}(?:=>|[=:])\s{0,3}[""']?)[^\s,;&""'}\])]+|(?<=--(?:password|token|secret)[\w-]{0,20} )\S+", RegexOptions.IgnoreCase)]
    private static partial Regex Named();

    /// <summary>As session tokens are: no word of a language or path is so long.</summary>
    [GeneratedRegex(@"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{100,}={0,2}")]
    private static partial Regex LongToken();
}
