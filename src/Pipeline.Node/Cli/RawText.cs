using System.Globalization;
using System.Text;
using Pipeline.Core;

namespace Pipeline.Node.Cli;

/// <summary>Raw bytes as text that says which bytes they are.</summary>
internal static class RawText
{
    /// <summary>
    /// UTF-8 as its characters; control characters, other bytes and the backslash escaped as <c>\n</c>, <c>\xFF</c>,
    /// <c>\\</c>. After <paramref name="bytesMax"/> bytes it stops and tells the length.
    /// </summary>
    public static string Of(ReadOnlySpan<byte> bytes, int bytesMax)
    {
        var text = new StringBuilder();
        var rest = bytes[..Math.Min(bytes.Length, bytesMax)];
        while (rest.Length > 0)
        {
            var isText = Rune.DecodeFromUtf8(rest, out var rune, out var length) == System.Buffers.OperationStatus.Done;
            if (isText && rune.Value == '\\') text.Append(@"\\");
            else if (isText && rune.Value == '\n') text.Append(@"\n");
            else if (isText && rune.Value == '\r') text.Append(@"\r");
            else if (isText && rune.Value == '\t') text.Append(@"\t");
            else if (isText && Rune.GetUnicodeCategory(rune) is not (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.OtherNotAssigned)) text.Append(rune);
            else
                foreach (var other in rest[..length]) text.Append(CultureInfo.InvariantCulture, $@"\x{other:X2}");
            rest = rest[length..];
        }

        if (bytes.Length > bytesMax) text.Append(CultureInfo.InvariantCulture, $"... ({Plural.Of(bytes.Length, "byte")})");
        return text.ToString();
    }
}
