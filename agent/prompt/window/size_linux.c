#include <gtk/gtk.h>

#include "state.h"

#define LEAST_HEIGHT 60

/* What of the screen a window may fill. */
static GdkRectangle work_area(void)
{
	GdkRectangle area = { 0, 0, 1024, 600 };
	GdkMonitor *monitor = gdk_display_get_primary_monitor(gdk_display_get_default());

	if (monitor == NULL) /* Wayland has no primary one */
		monitor = gdk_display_get_monitor(gdk_display_get_default(), 0);
	if (monitor != NULL)
		gdk_monitor_get_workarea(monitor, &area);
	return area;
}

static int height_of(GtkWidget *widget, int width)
{
	int least = 0, natural = 0;

	gtk_widget_get_preferred_height_for_width(widget, width, &least, &natural);
	return MAX(least, natural);
}

/* What the list lacks of its height: what scrolls is asked for its height as if no line of
   it were wrapped. */
static int lacking(int width)
{
	GtkWidget *inside = cpx.list == NULL ? NULL : gtk_widget_get_ancestor(cpx.list, GTK_TYPE_SCROLLED_WINDOW);

	if (inside == NULL)
		return 0;
	return MAX(0, MIN(CPX_LIST_HEIGHT, height_of(cpx.list, width)) - height_of(inside, width));
}

/* Nothing is below the screen's end, however large the letters are: the upper part
   scrolls, so that what is fixed has the room that it needs. */
void cpx_fit(void)
{
	GdkRectangle area = work_area();
	int width = MIN(CPX_WIDTH, area.width - 2 * CPX_BORDER);
	int fixed = height_of(cpx.foot, width) + height_of(cpx.buttons, width) + 4 * CPX_BORDER;
	int most = MAX(LEAST_HEIGHT, area.height * 9 / 10 - fixed);

	gtk_widget_set_size_request(cpx.window, width, cpx.height == 0 ? -1 : MIN(cpx.height, area.height)); /* what is clicked twice must not be below */
	gtk_scrolled_window_set_min_content_height(GTK_SCROLLED_WINDOW(cpx.scroller), -1);
	gtk_scrolled_window_set_max_content_height(GTK_SCROLLED_WINDOW(cpx.scroller), most);
	if (cpx.list != NULL) /* else it would give up what lines wrapped above it need */
		gtk_scrolled_window_set_min_content_height(GTK_SCROLLED_WINDOW(cpx.scroller),
			MIN(most, height_of(cpx.box, width - 2 * CPX_BORDER) + lacking(width - 2 * CPX_BORDER)));
	gtk_widget_set_can_focus(cpx.scroller, height_of(cpx.box, width) > most); /* only then is there anything to scroll by keys */
}

/* A window that grew while it stands is moved up where its end would be hidden. Wayland
   lets no window say where it is. */
void cpx_on_size(GtkWidget *widget, GdkRectangle *size, gpointer unused)
{
	GdkRectangle area = work_area(), frame = { 0, 0, 0, 0 };
	GdkWindow *window = gtk_widget_get_window(widget);
	int hidden;

	(void)size;
	(void)unused;
	if (!cpx.mapped || window == NULL)
		return;
	gdk_window_get_frame_extents(window, &frame);
	hidden = frame.y + frame.height - (area.y + area.height);
	if (hidden > 0)
		gtk_window_move(GTK_WINDOW(widget), frame.x, MAX(area.y, frame.y - hidden));
}
