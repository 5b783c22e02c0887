// Somebody who signs up seldom knows the name of their time zone; their browser does.

const select = document.getElementById("zone");
const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (select && !select.value && [...select.options].some((option) => option.value === here)) select.value = here;
