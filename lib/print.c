/* SPDX-License-Identifier: MIT */
/*
 * print.c - formatted printing without a libc.
 *
 * One pass over the format; each conversion is parsed into a struct spec
 * and rendered through one function that knows padding. Output beyond the
 * buffer is counted but not written, so that a caller can learn the length
 * it needs; nothing here allocates, sleeps or takes a lock, so that panic can
 * print from anywhere.
 */
#include "lib/print.h"

#include "lib/string.h"

/* Where the text goes. */
struct out {
	char *buf;
	size_t size;
	size_t len; /* of the whole text so far, written or not */
};

/* One conversion: %[flags][width][.precision][length]conv */
struct spec {
	bool left, zero, space, plus, alt;
	int width;
	int precision; /* -1: not given */
	u8 longs;      /* 0: int; 1: l or z; 2: ll */
	char conv;
};

static void put_char(struct out *out, char c)
{
	if (out->len + 1 < out->size)
		out->buf[out->len] = c;
	out->len++;
}

static void put_repeat(struct out *out, char c, int n)
{
	for (; n > 0; n--)
		put_char(out, c);
}

static void put_text(struct out *out, const char *s, int len)
{
	for (int i = 0; i < len; i++)
		put_char(out, s[i]);
}

/*
 * prefix (sign or 0x), zeros, body, padded to the width on the side the
 * flags say.
 */
static void put_field(struct out *out, const struct spec *spec, const char *prefix, int zeros,
		      const char *body, int body_len)
{
	int prefix_len = (int)strlen(prefix);
	int pad = spec->width - prefix_len - zeros - body_len;

	if (!spec->left)
		put_repeat(out, ' ', pad);
	put_text(out, prefix, prefix_len);
	put_repeat(out, '0', zeros);
	put_text(out, body, body_len);
	if (spec->left)
		put_repeat(out, ' ', pad);
}

static void put_number(struct out *out, const struct spec *spec, u64 value, const char *prefix)
{
	const char *digits = spec->conv == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	u32 base = spec->conv == 'd' || spec->conv == 'u' ? 10 : 16;
	char text[24];
	int at = (int)sizeof(text), len, zeros = 0;

	for (; value; value /= base)
		text[--at] = digits[value % base];
	if (at == (int)sizeof(text) && spec->precision != 0)
		text[--at] = '0';
	len = (int)sizeof(text) - at;
	if (spec->precision >= 0)
		zeros = spec->precision - len;
	else if (spec->zero && !spec->left)
		zeros = spec->width - (int)strlen(prefix) - len;
	put_field(out, spec, prefix, MAX(zeros, 0), text + at, len);
}

static void put_signed(struct out *out, const struct spec *spec, s64 value)
{
	const char *sign = "";

	if (value < 0)
		sign = "-";
	else if (spec->plus)
		sign = "+";
	else if (spec->space)
		sign = " ";
	put_number(out, spec, value < 0 ? -(u64)value : (u64)value, sign);
}

static void put_string(struct out *out, const struct spec *spec, const char *s)
{
	size_t max = spec->precision < 0 ? INT32_MAX : (size_t)spec->precision;

	if (!s)
		s = "(null)";
	put_field(out, spec, "", 0, s, (int)strnlen(s, max));
}

static bool parse_flag(struct spec *spec, char c)
{
	switch (c) {
	case '-':
		spec->left = true;
		return true;
	case '0':
		spec->zero = true;
		return true;
	case ' ':
		spec->space = true;
		return true;
	case '+':
		spec->plus = true;
		return true;
	case '#':
		spec->alt = true;
		return true;
	default:
		return false;
	}
}

static const char *parse_digits(const char *p, int *value)
{
	for (*value = 0; *p >= '0' && *p <= '9' && *value < 100000; p++)
		*value = *value * 10 + (*p - '0');
	return p;
}

/*
 * Everything between '%' and the conversion; returns the place after it. A va_list
 * is an array type here, so a pointer to the caller's one is passed in a struct.
 */
struct arguments {
	va_list list;
};

static const char *parse_spec(const char *p, struct spec *spec, struct arguments *args)
{
	*spec = (struct spec){ .precision = -1 };
	while (parse_flag(spec, *p))
		p++;
	if (*p == '*') {
		spec->width = va_arg(args->list, int);
		p++;
	} else {
		p = parse_digits(p, &spec->width);
	}
	if (spec->width < 0) {
		spec->left = true;
		spec->width = -spec->width;
	}
	if (*p == '.') {
		if (*++p == '*') {
			spec->precision = va_arg(args->list, int);
			p++;
		} else {
			p = parse_digits(p, &spec->precision);
		}
	}
	for (; *p == 'l' || *p == 'z'; p++)
		spec->longs++;
	spec->conv = *p;
	return *p ? p + 1 : p;
}

static s64 next_signed(const struct spec *spec, struct arguments *args)
{
	return spec->longs ? va_arg(args->list, s64) : va_arg(args->list, int);
}

static u64 next_unsigned(const struct spec *spec, struct arguments *args)
{
	return spec->longs ? va_arg(args->list, u64) : va_arg(args->list, unsigned int);
}

static void put_conversion(struct out *out, struct spec *spec, struct arguments *args)
{
	u64 value;
	char c;

	switch (spec->conv) {
	case 'd':
	case 'i':
		spec->conv = 'd';
		put_signed(out, spec, next_signed(spec, args));
		break;
	case 'u':
		put_number(out, spec, next_unsigned(spec, args), "");
		break;
	case 'x':
	case 'X':
		value = next_unsigned(spec, args);
		put_number(out, spec, value,
			   !spec->alt || !value ? ""
			   : spec->conv == 'x'	? "0x"
						: "0X");
		break;
	case 'p':
		put_number(out, spec, (u64)va_arg(args->list, void *), "0x");
		break;
	case 's':
		put_string(out, spec, va_arg(args->list, const char *));
		break;
	case 'c':
		c = (char)va_arg(args->list, int);
		put_field(out, spec, "", 0, &c, 1);
		break;
	case '%':
		put_char(out, '%');
		break;
	default:
		/* Not ours: show it, so that the mistake is seen. */
		put_char(out, '%');
		if (spec->conv)
			put_char(out, spec->conv);
		break;
	}
}

int kvsnprintf(char *buf, size_t size, const char *fmt, va_list list)
{
	struct out out = { .buf = buf, .size = size };
	struct arguments args;
	struct spec spec;

	va_copy(args.list, list);
	while (*fmt) {
		if (*fmt != '%') {
			put_char(&out, *fmt++);
			continue;
		}
		fmt = parse_spec(fmt + 1, &spec, &args);
		put_conversion(&out, &spec, &args);
	}
	va_end(args.list);
	if (size)
		buf[MIN(out.len, size - 1)] = '\0';
	return (int)out.len;
}

int ksnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = kvsnprintf(buf, size, fmt, args);
	va_end(args);
	return len;
}
