using System.Globalization;
using System.Text;

namespace Pipeline.Aws;

/// <summary>Between names of the wire (<c>CANCEL_PENDING</c>) and ours (<c>CancelPending</c>).</summary>
internal static class AwsNames
{
    public static string ToWire<T>(T value) where T : struct, Enum
    {
        var name = new StringBuilder();
        foreach (var letter in value.ToString())
        {
            if (char.IsUpper(letter) && name.Length > 0) name.Append('_');
            name.Append(char.ToUpper(letter, CultureInfo.InvariantCulture));
        }

        return name.ToString();
    }

    /// <summary>The first value of the type, <c>Other</c>, for a name that we do not know.</summary>
    public static T FromWire<T>(string? name) where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
            if (string.Equals(ToWire(value), name, StringComparison.Ordinal)) return value;
        return default;
    }
}
